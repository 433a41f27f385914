"""Networks over bytes by several methods, each with a text in a file, as a study that goes on."""

import json
import lzma
from pathlib import Path

import pytest
from click.testing import CliRunner

import mdlcodec
from mdlcodec.cli import main
from mdlcodec.errors import BadData, MdlcodecError
from mdlcodec.report.text_frontier_table import TextFrontierRow, TextFrontierTable
from mdlcodec.studies import text_frontier

TEXT = b"a rose is a rose is a rose is a rose, and a thorn is a thorn. " * 20
WAYS = {"sparsify": ["rl1"], "strengths": {"rl1": [1.0, 100.0]}, "preset": 1, "net": "lstm-small"}


@pytest.fixture(scope="module")
def studied(tmp_path_factory):
    folder, told = tmp_path_factory.mktemp("frontier"), []
    found = text_frontier(
        TEXT, **WAYS, folder=folder, jobs=2, prequential=1, progress=lambda *seen: told.append(seen)
    )
    return found, folder, told


def test_a_point_is_a_file_that_was_decoded(studied):
    table, folder, told = studied
    assert [(row.method, row.strength) for row in table] == [
        ("rl1", 1.0),
        ("rl1", 100.0),
        ("unregularised", None),
    ]
    assert [seen[:2] for seen in told] == [(i, 4) for i in range(1, 5)]
    assert (table.length, table.xz) == (len(TEXT), len(lzma.compress(TEXT, preset=9 | lzma.PRESET_EXTREME)))
    for row, name in zip(table, ("rl1-1-0", "rl1-100-0", "unregularised-lstm-small"), strict=True):
        blob = (folder / f"{name}.mdl").read_bytes()
        assert mdlcodec.decode_text(blob) == TEXT
        facts = mdlcodec.inspect(blob)
        sections = {part["name"]: part["bytes"] for part in facts["sections"]}
        assert (row.bytes, row.network_bytes, row.text_bytes) == (
            len(blob),
            sections["network"],
            sections["text"],
        )
        assert facts["net"] == row.net == "lstm-small"
        assert abs(row.loss * len(TEXT) / 8 - row.text_bytes) < 8
        assert row.claimed == 4 * row.nonzeros + row.text_bytes
    learned = (folder / "prequential-lstm-1.mdl").read_bytes()
    assert mdlcodec.decode_text(learned) == TEXT
    assert table.prequential == len(learned)


def test_it_goes_on_and_is_the_same_with_one_process(studied):
    table, folder, _ = studied
    before = {path.name: path.read_bytes() for path in folder.glob("*.mdl")}
    (folder / "rl1-100-0.mdl").write_bytes(b"cut")
    (folder / "rl1-100-0.json").unlink()
    again = text_frontier(TEXT, **WAYS, folder=folder, jobs=1, prequential=1)
    assert [row.bytes for row in again] == [row.bytes for row in table]
    assert {path.name: path.read_bytes() for path in folder.glob("*.mdl")} == before
    with pytest.raises(MdlcodecError, match="choose another folder"):
        text_frontier(TEXT[:-1], **WAYS, folder=folder, jobs=1)


def row(method, network, text, nonzeros, strength=1.0):
    return TextFrontierRow(
        method,
        "lstm",
        strength,
        0.0,
        0,
        network + text + 17,
        network,
        text,
        8 * text / 1000,
        nonzeros,
        9000,
        1.0,
        1.0,
    )


def test_findings():
    rows = row("drr", 100, 400, 100), row("rl1", 300, 350, 110), row("unregularised", 900, 340, 500, None)
    table = TextFrontierTable(rows, 1000, 420, 600)
    said = table.findings()
    assert said[0].startswith(
        "Ahead by bytes of the network, from the smallest: drr (100), rl1 (300), unregul"
    )
    assert (
        "The shortest file: 517 bytes (lstm, drr 1: 100 of network, 400 of text); xz -9e: 420; the prequential "
        "code: 600." in said
    )
    # 100 bytes are paid for by 0.02 bytes a byte
    assert "By its loss here, rl1" not in " ".join(said)
    assert table.overtaking(rows[0]) == pytest.approx(5000)
    assert "By its loss here, lstm, rl1 1 would be as short as xz from 4,286 bytes of such text on." in said
    assert (
        "At four bytes a weight that is not 0, and none for its place, the shortest would have been 790 bytes "
        "(lstm, rl1 1), whose file has 667." in said
    )
    assert table.overtaking(row("rl1", 10, 500, 1)) is None
    figure = table.plot()
    assert [line.get_label() for line in figure.axes[0].get_lines()] == [
        "drr",
        "rl1",
        "unregularised",
        "xz -9e, whole file",
        "prequential, whole file",
    ]
    worse = TextFrontierTable((row("drr", 100, 500, 100),), 1000, 420)
    assert "No network has a loss below xz's bits a byte, so that none would overtake it." in worse.findings()


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"sparsify": ["vib"]}, "trains no network over bytes"),
        ({"sparsify": []}, "there is no method"),
        ({"net": "mixing"}, "has no net 'mixing'"),
        ({"unregularised": ["lstm", "lstm"]}, "there twice"),
        ({"unregularised": ["mlp"]}, "has no net 'mlp'"),
        ({"seeds": 0}, "seeds is 0"),
        ({"rho": []}, "rho is made of"),
        ({"jobs": 0}, "jobs is 0"),
        ({"text": b""}, "an empty text"),
    ],
)
def test_what_cannot_be_studied(more, why, tmp_path):
    with pytest.raises(BadData, match=why):
        text_frontier(**({"text": TEXT, "folder": tmp_path / "f"} | WAYS | {"strengths": None} | more))
    assert not (tmp_path / "f").exists()


def test_the_command_line(studied, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("t.txt").write_bytes(TEXT)
    asked = [
        "study",
        "frontier",
        "t.txt",
        "--net",
        "lstm-small",
        "--sparsify",
        "rl1",
        "--strength",
        "rl1=1,100",
    ]
    asked += ["-1", "-o", str(studied[1]), "--prequential", "1", "--jobs", "1"]
    told = CliRunner().invoke(main, [*asked, "--json"])
    assert told.exit_code == 0, told.output
    facts = json.loads(told.stdout)
    assert (facts["length"], facts["prequential"], len(facts["points"])) == (
        len(TEXT),
        studied[0].prequential,
        3,
    )
    assert facts["findings"] == studied[0].findings()
    assert {"index.html", "loss.png", "frontier.json"} <= {path.name for path in studied[1].iterdir()}
    assert "At four bytes a weight" in (studied[1] / "index.html").read_text()
    for more, why in (
        (["--test", "x.npz"], "--test is of labels"),
        (["--header", "no"], "--prequential is of a text"),
    ):
        told = CliRunner().invoke(main, [*asked, *more])
        assert told.exit_code == 2
        assert why in told.stderr
