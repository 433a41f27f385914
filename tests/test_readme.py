"""Every command in README.md and docs/ is run, in order, and prints what the page says it prints."""

import doctest
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

README = Path(__file__).parent.parent / "README.md"
DOCS = README.parent / "docs"
PAGES = {path.name: path for path in (README, *sorted(DOCS.glob("*.md")))}
_TIME = re.compile(r"\b\d+(\.\d+)? (s|min|h)\b")
_PROGRESS = re.compile(
    r"^(encoding|decoding|verifying|packing|unpacking|testing|reading): .*\n", re.MULTILINE
)


def blocks(language: str, text: str | None = None) -> list[str]:
    text = README.read_text(encoding="utf-8") if text is None else text
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def sections() -> dict[str, list[str]]:
    """Console blocks by their page and the headings above them; the commands of a section use no other's files."""
    found = {}
    for name, path in PAGES.items():
        parts = re.split(r"^#+ (.*)$", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
        for title, text in zip(parts[1::2], parts[2::2], strict=True):
            found[f"{name}: {title}"] = blocks("console", text)
    return {title: console for title, console in found.items() if console}


def commands(block: str) -> list[tuple[str, str]]:
    """The commands of a console block (lines after ``$``, continued after ``>``) with their output."""
    found = []
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        first, *rest = part.splitlines()
        more = [line[2:] for line in rest if line.startswith("> ")]
        output = [line for line in rest if not line.startswith("> ")]
        found.append(("\n".join([first, *more]), "".join(line + "\n" for line in output)))
    return found


def environment(folder: Path) -> dict[str, str]:
    """Where ``mdlcodec`` and ``python`` are those that run the tests, installed or not."""
    script = folder / "mdlcodec"
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m mdlcodec "$@"\n')
    script.chmod(0o755)
    path = os.pathsep.join([str(Path(sys.executable).parent), str(folder), os.environ["PATH"]])
    return os.environ | {"PATH": path}


def comparable(output: str) -> str:
    return _TIME.sub("TIME", _PROGRESS.sub("", output))


@pytest.mark.parametrize("title", sections())
def test_console_blocks(title: str, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "here").mkdir()
    env = environment(tmp_path / "bin")
    for block in sections()[title]:
        for command, expected in commands(block):
            done = subprocess.run(
                ["bash", "-c", command],
                cwd=tmp_path / "here",
                env=env,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            assert (command, comparable(done.stdout)) == (command, comparable(expected))
            assert done.returncode == 0, command


@pytest.mark.parametrize("name", PAGES)
def test_python_blocks(name: str) -> None:
    """Those of a page one after another, each with what the ones before it left."""
    known: dict[str, object] = {}
    for block in blocks("python", PAGES[name].read_text(encoding="utf-8")):
        test = doctest.DocTestParser().get_doctest(block, known, name, str(PAGES[name]), 0)
        result = doctest.DocTestRunner().run(test, clear_globs=False)
        known = test.globs
        assert result.attempted > 0
        assert result.failed == 0


def test_its_test_command_is_what_continuous_integration_runs() -> None:
    assert re.search(r"^make test\b", "".join(blocks("sh")), re.MULTILINE)
    script = (README.parent / ".ci" / "run").read_text()
    assert script.endswith("\nmake test\n")


@pytest.mark.parametrize("name", PAGES)
def test_links_lead_somewhere(name: str) -> None:
    for link in re.findall(r"\]\((?!https:)([^)]+)\)", PAGES[name].read_text(encoding="utf-8")):
        assert (PAGES[name].parent / link).exists(), link
