"""The cache of compiled functions: nothing stale, nothing damaged, nothing lost where it cannot be written."""

import ast
import importlib
import os
import pkgutil
import shutil
import subprocess
import sys
import time
from pathlib import Path

import grimp
import pytest
from numba.core.dispatcher import Dispatcher

import mdlcodec
from mdlcodec import compiled

PACKAGE = Path(mdlcodec.__file__).parent
# a package in which one compiled function calls another, two modules away
FUNCTIONS = {
    "__init__.py": "",
    "compiled.py": (PACKAGE / "compiled.py").read_text(),
    "errors.py": (PACKAGE / "errors.py").read_text(),
    "constants.py": "NUMBER = 5\n",
    "inner.py": """
from mdlcodec.compiled import njit
from mdlcodec.constants import NUMBER

@njit(cache=True)
def inner(x):
    return NUMBER * x
""",
    "outer.py": """
from mdlcodec.compiled import njit
from mdlcodec.inner import inner

@njit(cache=True)
def outer(x):
    return inner(x) + 1
""",
}
PRINT = """
from mdlcodec.inner import inner
from mdlcodec.outer import outer
print(outer(1), outer(1.5), sum(f.stats.cache_hits.total() for f in (inner, outer)))
"""


@pytest.fixture
def checkout(tmp_path):
    (tmp_path / "mdlcodec").mkdir()
    for name, source in FUNCTIONS.items():
        (tmp_path / "mdlcodec" / name).write_text(source)
    return tmp_path


def command(code=PRINT):
    return [sys.executable, "-W", "always", "-c", code]


def environment(checkout, **settings):
    kept = {name: value for name, value in os.environ.items() if not name.startswith("NUMBA_")}
    return {**kept, "PYTHONPATH": str(checkout), "PYTHONDONTWRITEBYTECODE": "1", **settings}


def printed(checkout, code=PRINT, **settings):
    """(what it printed, what was hit, stderr)."""
    run = subprocess.run(
        command(code), env=environment(checkout, **settings), cwd=checkout, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    *values, hits = run.stdout.split()
    return values, int(hits), run.stderr


def files(folder):
    return sorted(path for path in folder.rglob("*.nbc"))


def test_every_compiled_function_is_made_by_the_module():
    makers = {"cfunc", "generated_jit", "guvectorize", "jit", "jit_module", "njit", "stencil", "vectorize"}
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())) if path.name != "compiled.py" else ():
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "numba":
                assert not makers & {alias.name for alias in node.names}, f"{path}: {ast.unparse(node)}"
            if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "numba":
                assert node.attr not in makers, f"{path}: {ast.unparse(node)}"


def test_every_cached_function_has_this_cache():
    found = set()
    for module in pkgutil.walk_packages([str(PACKAGE)], "mdlcodec."):
        if not module.name.endswith("__main__"):
            for value in vars(importlib.import_module(module.name)).values():
                if isinstance(value, Dispatcher) and value.py_func.__module__ == module.name:
                    found.add(value._cache._name)
                    assert isinstance(value._cache, compiled._Cache), f"{module.name}: {value}"
    assert len(found) > 50


def test_what_is_compiled_elsewhere_imports_nothing_that_the_digest_leaves_out():
    alone = tuple(f"mdlcodec.{folder}." for folder in compiled._ALONE)
    graph = grimp.build_graph("mdlcodec", cache_dir=None)
    for module in graph.find_modules_that_directly_import("mdlcodec.compiled"):
        if not module.startswith(alone):
            upstream = graph.find_upstream_modules(module)
            assert not [name for name in upstream if f"{name}.".startswith(alone)], module


def test_the_second_process_compiles_nothing(checkout):
    assert printed(checkout) == (["6", "8.5"], 0, "")
    assert printed(checkout) == (["6", "8.5"], 2, "")
    (folder,) = (checkout / "mdlcodec" / "__pycache__").glob("mdlcodec-*")
    assert [path.name for path in files(folder)] == [
        "mdlcodec.inner.inner-5.nbc",
        "mdlcodec.outer.outer-5.nbc",
    ]


@pytest.mark.parametrize(
    ("name", "old", "new"), [("constants", "5", "7"), ("inner", "NUMBER *", "2 + NUMBER *")]
)
def test_a_change_of_what_is_called_is_seen(checkout, name, old, new):
    printed(checkout)
    path = checkout / "mdlcodec" / f"{name}.py"
    before = path.stat()
    path.write_text(path.read_text().replace(old, new))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert printed(checkout) == (["8", "11.5" if name == "constants" else "10.5"], 0, "")


def test_a_folder_that_nobody_calls_into_has_its_own_digest(checkout):
    sender = checkout / "mdlcodec" / "sender"
    sender.mkdir()
    (sender / "__init__.py").touch()
    (sender / "constants.py").write_text("NUMBER = 4\n")
    alone = FUNCTIONS["inner.py"].replace("constants", "sender.constants").replace("inner", "alone")
    (sender / "alone.py").write_text(alone)
    code = PRINT.replace("\nprint(", "\nfrom mdlcodec.sender.alone import alone\nprint(alone(1), ", 1)
    code = code.replace("(inner, outer)", "(inner, outer, alone)")
    assert printed(checkout, code) == (["4", "6", "8.5"], 0, "")
    assert printed(checkout, code) == (["4", "6", "8.5"], 3, "")
    (sender / "constants.py").write_text("NUMBER = 9\n")
    assert printed(checkout, code) == (["9", "6", "8.5"], 2, "")
    shutil.rmtree(sender)
    assert printed(checkout) == (["6", "8.5"], 2, "")


@pytest.mark.parametrize("package", ["numba", "llvmlite", "numpy"])
def test_other_versions_have_their_own(monkeypatch, package):
    monkeypatch.setattr(sys.modules[package], "__version__", "0.0")
    assert compiled.sources_digest() != compiled._DIGEST


def test_bounds_checks_have_their_own(monkeypatch):
    monkeypatch.setattr(compiled.config, "BOUNDSCHECK", 1)
    assert compiled.sources_digest() != compiled._DIGEST


def test_the_users_folder_holds_it(checkout):
    printed(checkout, NUMBA_CACHE_DIR="chosen")
    (folder,) = (checkout / "chosen").iterdir()
    assert compiled._NAME.fullmatch(folder.name)
    assert len(files(folder)) == 2
    assert not (checkout / "mdlcodec" / "__pycache__").exists()


def _cut(content):
    return content[: len(content) // 2]


def _flipped(content):
    return content[:-20] + bytes([content[-20] ^ 1]) + content[-19:]


@pytest.mark.parametrize("damage", [_cut, _flipped, lambda _: b"", lambda content: b"garbage" * len(content)])
def test_a_damaged_file_is_compiled_again(checkout, damage):
    printed(checkout)
    for path in files(checkout):
        path.write_bytes(damage(path.read_bytes()))
    assert printed(checkout) == (["6", "8.5"], 0, "")
    assert printed(checkout) == (["6", "8.5"], 2, "")


def test_without_a_folder_one_line_and_no_cache(checkout):
    (checkout / "file").touch()
    values, hits, stderr = printed(checkout, NUMBA_CACHE_DIR=str(checkout / "file"))
    assert (values, hits) == (["6", "8.5"], 0)
    assert stderr.count("RuntimeWarning") == stderr.count("cannot keep compiled functions in") == 1


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="elsewhere another variable names it")
def test_behind_the_package_comes_the_users_cache(checkout):
    (checkout / "mdlcodec" / "__pycache__").touch()  # nothing can be written below it
    assert printed(checkout, XDG_CACHE_HOME=str(checkout / "caches")) == (["6", "8.5"], 0, "")
    assert len(files(checkout / "caches" / "mdlcodec")) == 2
    assert printed(checkout, XDG_CACHE_HOME=str(checkout / "caches"))[1] == 2


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="elsewhere another variable names it")
@pytest.mark.parametrize("home", ["/proc/nohome", "relative"])
def test_no_home(checkout, home):
    (checkout / "mdlcodec" / "__pycache__").touch()
    values, _, stderr = printed(checkout, HOME=home, XDG_CACHE_HOME="relative")
    assert values == ["6", "8.5"]
    assert stderr.count("RuntimeWarning") == 1
    assert sorted(path.name for path in checkout.iterdir()) == ["mdlcodec"]


def test_an_installation_that_cannot_be_written_is_read(checkout):
    printed(checkout)
    (folder,) = (checkout / "mdlcodec" / "__pycache__").iterdir()
    before = sorted(path.name for path in folder.iterdir())
    code = "import mdlcodec.compiled\nmdlcodec.compiled._write.clear()" + PRINT
    assert printed(checkout, code) == (["6", "8.5"], 2, "")
    assert sorted(path.name for path in folder.iterdir()) == before


def test_what_changed_while_a_process_ran_is_not_kept(checkout):
    change = "Path('mdlcodec/constants.py').write_text('NUMBER = 7')"
    code = f"from pathlib import Path\nimport mdlcodec.compiled\n{change}{PRINT}"
    assert printed(checkout, code) == (["8", "11.5"], 0, "")
    assert files(checkout) == []


def test_several_cold_processes_at_once(checkout):
    started = [
        subprocess.Popen(
            command(),
            env=environment(checkout),
            cwd=checkout,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for _ in range(3)
    ]
    for process in started:
        assert process.communicate()[0].startswith("6 8.5 ")
    assert printed(checkout)[0] == ["6", "8.5"]
    (folder,) = (checkout / "mdlcodec" / "__pycache__").iterdir()
    assert [path.suffix for path in folder.iterdir()] == [".nbc", ".nbc"]


def test_old_folders_are_cleared(tmp_path):
    """Beyond those kept, if nobody used them for a day; and nothing that is not ours."""
    long_ago = time.time() - 2 * compiled._DAY
    folders = [tmp_path / f"mdlcodec-{i:016x}" for i in range(compiled._FOLDERS_KEPT + 3)]
    others = [tmp_path / "mdlcodec-notes", tmp_path / "numba_0123456789abcdef"]
    for i, folder in enumerate([*others, *folders]):
        folder.mkdir()
        (folder / "file").touch()
        os.utime(folder, (long_ago + i, long_ago + i))
    os.utime(folders[0])
    compiled._write_whole(tmp_path / "mdlcodec-ffffffffffffffff" / "function.nbc", b"content")
    kept = [
        folders[0],
        *folders[-compiled._FOLDERS_KEPT + 1 :],
        *others,
        tmp_path / "mdlcodec-ffffffffffffffff",
    ]
    assert sorted(tmp_path.iterdir()) == sorted(kept)


def test_a_folder_in_use_may_be_cleared(tmp_path):
    path = tmp_path / "mdlcodec-0123456789abcdef" / "function.nbc"
    compiled._write_whole(path, b"content")
    shutil.rmtree(path.parent)
    compiled._write_whole(path, b"again")
    assert path.read_bytes() == b"again"
    assert list(path.parent.iterdir()) == [path]


def test_a_function_with_variables_around_it_is_refused():
    number = 3
    with pytest.raises(ValueError, match="variables around it"):
        compiled.njit(cache=True)(lambda x: x + number)
