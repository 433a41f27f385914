"""Texts: files (formats/text.md), command line, Python."""

import io
import json
import os
import pickle
import re
import subprocess
import sys
from pathlib import Path

import pytest
import text_cases
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from test_golden_files import golden

import mdlcodec
from mdlcodec.cli import main
from mdlcodec.container import KIND_TEXT, TextHeader, text_digest, write_text_file
from mdlcodec.container.frame import unsigned, write_frame
from mdlcodec.container.ids import TextNetId
from mdlcodec.data.text import read_text
from mdlcodec.errors import BadData, CorruptFile, LimitExceeded, Unsupported
from mdlcodec.limits import readers_within

PROSE = text_cases.CASES["prose"].text
FAST = ["-1", "--no-verify", "--quiet"]


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("prose.txt").write_bytes(PROSE)


def run(*arguments, exit_code=0, stdin=None):
    told = CliRunner().invoke(main, list(arguments), input=stdin)
    assert told.exit_code == exit_code, told.output
    return told


def refused(*arguments, exit_code=2):
    """The one line that says why; nothing is left behind."""
    before = {path.name for path in Path().iterdir()}
    told = run(*arguments, exit_code=exit_code)
    assert told.stdout == ""
    assert {path.name for path in Path().iterdir()} == before
    return told.stderr.strip().splitlines()[-1]


# files


@pytest.mark.parametrize("name", text_cases.CASES)
def test_golden(name):
    case = text_cases.CASES[name]
    blob = golden(text_cases.GOLDEN / f"{name}.mdl", case.encoded)
    assert case.encoded() == blob
    assert mdlcodec.decode_text(blob) == case.text


@given(text=st.binary(max_size=300), code=st.sampled_from(["uniform", "prequential"]))
@settings(max_examples=20)
def test_any_bytes_come_back(text, code):
    result = mdlcodec.encode_text(text, code=code, preset=1)
    assert mdlcodec.decode_text(result.blob) == text
    assert sum(size for _, size in result.sections) == len(result.blob)


def test_at_most_twenty_bytes_are_not_the_code():
    for n in (0, 100, 2 << 20):
        sections = dict(mdlcodec.encode_text(bytes(n), code="uniform").sections)
        assert sum(sections.values()) - sections["text"] <= 20


@pytest.mark.parametrize("at", range(30))
def test_a_changed_byte_is_found_before_anything_is_decoded(at):
    blob = bytearray(mdlcodec.encode_text(PROSE, preset=1).blob)
    blob[at] ^= 0x10
    with pytest.raises((CorruptFile, Unsupported)):
        mdlcodec.inspect(bytes(blob))


def test_another_text_never_leaves():
    """A hostile file has a right checksum."""
    payload = mdlcodec.encode_text(PROSE, preset=1).blob[3 + 1 + 2 + 2 + 4 : -4]
    header = TextHeader(
        code=1, net=TextNetId.MIXING, preset=1, seed=0, n=len(PROSE), digest=text_digest(PROSE)
    )
    assert mdlcodec.decode_text(write_text_file(header, payload)) == PROSE
    for other in (payload[:-9], payload[::-1], b"", b"\xff" * 50):
        with pytest.raises(CorruptFile, match="digests differ"):
            mdlcodec.decode_text(write_text_file(header, other))


def test_a_text_that_takes_too_long_is_refused_before_it_is_begun():
    blob = write_frame(KIND_TEXT, b"\x19\x08" + unsigned(1 << 40) + bytes(4))
    with pytest.raises(LimitExceeded, match=r"about [\d,]+ s on this machine"):
        mdlcodec.decode_text(blob)
    with pytest.raises(LimitExceeded, match="memory"):
        mdlcodec.decode_text(mdlcodec.encode_text(PROSE, preset=1).blob, max_memory=1000)
    with pytest.raises(LimitExceeded, match="about"):
        mdlcodec.encode_text(PROSE, max_work=1000)
    assert mdlcodec.inspect(blob)["length"] == 1 << 40


# Python


def test_the_result():
    told = []
    result = mdlcodec.encode_text(PROSE * 20, preset=1, progress=lambda *given: told.append(given))
    assert (result.code, result.net, result.preset, result.length) == (
        "prequential",
        "mixing",
        1,
        len(PROSE) * 20,
    )
    assert result.bits == 8 * len(result.blob)
    assert result.uniform_bits == 8 * result.length
    assert abs(result.ideal_bits - 8 * dict(result.sections)["text"]) < 40
    assert result.ratio == result.bits / result.uniform_bits
    assert result.bits_a_byte == result.bits / result.length
    assert told[-1][:2] == (result.length, result.length)
    assert told[-1][2] == result.curve.bits[-1] == result.ideal_bits
    assert result.curve.labels[-1] == result.length
    assert list(result.curve.bits) == sorted(result.curve.bits)
    assert pickle.loads(pickle.dumps(result)) == result
    assert hash(pickle.loads(pickle.dumps(result))) == hash(result)
    assert str(result).startswith(f"{result.length:,} bytes of text in {len(result.blob):,} (")
    assert "bits a byte" in result._repr_html_()
    assert mdlcodec.decode_text(bytearray(result.blob)) == PROSE * 20


def test_the_same_bytes_again_and_again():
    assert mdlcodec.encode_text(bytearray(PROSE)).blob == mdlcodec.encode_text(memoryview(PROSE)).blob


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ({"text": "text"}, "a text was given as str; give bytes"),
        (
            {"code": "switching"},
            "no code of texts is named 'switching'; choose one of uniform, prequential, two-part",
        ),
        (
            {"net": "mlp"},
            "--code prequential of texts has no net 'mlp'; choose one of mixing, mixing-lstm, transformer, lstm",
        ),
        ({"code": "uniform", "net": "mixing"}, "learns nothing"),
        ({"preset": 0}, "preset 0 of texts does not exist; choose 1 to 9"),
        ({"preset": 10}, "preset 10 of texts does not exist"),
        ({"seed": -1}, "seed -1 is not in"),
    ],
)
def test_bad_arguments(arguments, why):
    with pytest.raises(BadData, match=re.escape(why)):
        mdlcodec.encode_text(**{"text": PROSE} | arguments)


def test_files_of_another_kind():
    text = mdlcodec.encode_text(PROSE, code="uniform").blob
    with pytest.raises(Unsupported, match="a text, no labels"):
        mdlcodec.decode(text, [[1.0]])
    with pytest.raises((Unsupported, BadData)):
        mdlcodec.unpack(text)
    labels = mdlcodec.encode([[1.0], [2.0]], [0, 1], code="uniform")
    with pytest.raises(Unsupported, match="no text"):
        mdlcodec.decode_text(labels)


# command line


def test_a_text_and_back():
    told = run("encode", "prose.txt", "-1")
    assert re.fullmatch(
        rf"prose\.txt\.mdl: {len(PROSE)} bytes of text in \d+ \([\d.]+%, [\d.]+ bits a byte\); encoded in .*, "
        r"verified in .*\n",
        told.stderr,
    )
    Path("prose.txt").unlink()
    told = run("decode", "prose.txt.mdl")
    assert told.stderr.startswith(f"prose.txt: {len(PROSE)} bytes of text; ")
    assert Path("prose.txt").read_bytes() == PROSE
    assert f"its {len(PROSE)} bytes of text come back" in run("test", "prose.txt.mdl").stderr
    head, row = run("list", "prose.txt.mdl").stdout.splitlines()
    assert head.split() == "bytes text bits a byte code net preset memory file".split()
    assert row.split()[1] == str(len(PROSE))
    assert row.split()[3:6] == ["prequential", "mixing", "1"]
    facts = json.loads(run("list", "--json", "prose.txt.mdl").stdout)
    assert facts["kind"] == "text"
    assert sum(part["bytes"] for part in facts["sections"]) == facts["bytes"]
    assert facts["memory"] > 0


def test_json_curve_and_limit():
    told = run("encode", "prose.txt", "--limit", "50", "--json", "--curve", "c.csv", "-o", "p.mdl", *FAST[:2])
    facts = json.loads(told.stdout)
    assert (facts["file"], facts["kind"], facts["length"], facts["verified"]) == ("p.mdl", "text", 50, False)
    lines = Path("c.csv").read_text().splitlines()
    assert lines[0] == "bytes,bits"
    assert lines[-1] == f"50,{facts['ideal_bits']!r}"
    facts = json.loads(run("decode", "p.mdl", "-o", "p", "--json", "--quiet").stdout)
    assert (facts["length"], facts["output"]) == (50, "p")
    assert Path("p").read_bytes() == PROSE[:50]
    facts = json.loads(run("test", "p.mdl", "--json", "--quiet").stdout)
    assert (facts["decoded"], facts["length"]) == (True, 50)


def test_pipes():
    done = subprocess.run(
        [sys.executable, "-m", "mdlcodec", "encode", "--text", "-", "-o", "-", "-1", "--quiet"],
        input=PROSE,
        capture_output=True,
        check=True,
    )
    assert done.stdout == mdlcodec.encode_text(PROSE, preset=1).blob
    Path("p.mdl").write_bytes(done.stdout)
    assert run("decode", "p.mdl", "-o", "-", "--quiet").stdout_bytes == PROSE


def test_any_file_with_text_before_it():
    Path("data.csv").write_bytes(b"\xff\x00,1\n")
    run("encode", "--text", "data.csv", *FAST)
    run("decode", "data.csv.mdl", "-f", "-o", "again", "--quiet")
    assert Path("again").read_bytes() == b"\xff\x00,1\n"


def test_a_table_named_txt():
    rows = "".join(f"{i % 7},{i % 3},{'ab'[i % 2]}\n" for i in range(30))
    Path("t.txt").write_text(rows)
    note = run("encode", "t.txt", "-1", "--no-verify").stderr
    assert (
        "note: t.txt is coded as a text; as a table with labels in its last column, give --target -1" in note
    )
    assert "note" not in run("encode", "prose.txt", "-1", "--no-verify").stderr
    run("encode", "t.txt", "--target", "-1", "--code", "uniform", "--quiet", "-o", "t.mdl")
    run("decode", "t.mdl", "--inputs", "t.txt", "--quiet")
    assert Path("t-labels.csv").read_text() == "".join(f"{'ab'[i % 2]}\n" for i in range(30))
    for option in (["--header", "no"], ["--delimiter", ","], ["--as", "classes"], ["--target-index", "2"]):
        facts = json.loads(
            run("encode", "t.txt", *option, "--code", "uniform", "--json", *FAST, "-f", "-o", "t.mdl").stdout
        )
        assert facts["kind"] == "labels", option


def test_what_a_text_has_not():
    run("encode", "prose.txt", *FAST)
    Path("prose.txt").write_bytes(PROSE)
    assert "prose.txt.mdl' exists" in refused("encode", "prose.txt", *FAST, exit_code=1)
    for option in (
        ["--test", "x"],
        ["--checkpoint", "x"],
        ["--network-only"],
        ["--parameter-bits"],
    ):
        assert f"{option[0]} is of labels, and this is a text" in refused(
            "encode", "prose.txt", "-f", *option
        )
    assert "has no option bits, which is for --code two-part" in refused(
        "encode", "prose.txt", "-f", "--bits", "4"
    )
    assert "no code of texts is named 'variational'" in refused(
        "encode", "prose.txt", "-f", "--code", "variational"
    )
    assert "--limit 0 leaves nothing" in refused("encode", "prose.txt", "-f", "--limit", "0")
    assert "Missing argument 'DATA'" in refused("encode")
    assert "choose one" in refused("encode", "digits", "--text", "prose.txt")
    assert "--target is of a table" in refused("encode", "--text", "prose.txt", "--target", "0")
    assert "there is no file 'x.txt'" in refused("encode", "x.txt")
    assert "is a folder" in refused("encode", "--text", ".")
    assert "needs no inputs" in refused("decode", "prose.txt.mdl", "--inputs", "digits")
    assert "needs no inputs" in refused("test", "prose.txt.mdl", "--inputs", "digits")
    assert "--predict is of labels" in refused("decode", "prose.txt.mdl", "--predict", "digits")
    assert "--max-memory" in refused("encode", "prose.txt", "-f", "--max-memory", "1k", exit_code=3)
    run("encode", "digits", "--limit", "20", "--code", "uniform", "--quiet", "--no-verify")
    assert "Missing option '--inputs'" in refused("decode", "digits.mdl")


def test_compare():
    told = run("compare", "prose.txt", "-1", "--quiet")
    lines = told.stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["code", "uniform", "prequential"]
    files = sorted(path.name for path in Path("prose.compare").iterdir())
    assert files == ["prequential-mixing.mdl", "uniform.mdl"]
    facts = json.loads(run("compare", "prose.txt", "-1", "--quiet", "--json").stdout)
    assert [row["encode_seconds"] for row in facts["codes"]] == [None, None]
    assert all(row["decode_seconds"] > 0 and row["bytes"] > 0 for row in facts["codes"])
    assert "is not of this text" in run("compare", "prose.txt", "-2", exit_code=1).stderr
    Path("short.txt").write_bytes(PROSE[:20])
    two = json.loads(run("compare", "short.txt", "--codes", "lstm,uniform", "-1", "--quiet", "--json").stdout)
    assert [(row["code"], row["net"]) for row in two["codes"]] == [("uniform", None), ("prequential", "lstm")]
    assert "no code of texts" in refused("compare", "prose.txt", "--codes", "switching")


def test_a_text_from_standard_input_is_limited(monkeypatch):
    read, write = os.pipe()
    with io.FileIO(write, "wb") as stream:
        stream.write(PROSE)
    with io.TextIOWrapper(io.FileIO(read)) as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        with readers_within(100), pytest.raises(LimitExceeded, match="standard input"):
            read_text("-")
