"""Golden files whose bytes and scores show a wrong reading: long payloads, views of sections, one class, uniform.

MDLCODEC_WRITE_GOLDEN=1 writes those that are not there. receiver_worker.py decodes them all in a package without
what senders alone do, test_second_decoder.py with the decoder that was written from formats/.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import long_cases
import network_view_cases
import numpy as np
import plain_cases
import pytest
import real_cases
import score_digests
import subspace_cases
import two_part_cases
import two_part_reals_cases
import variational_cases
from label_sets import first_examples
from section_writer import section_of

import mdlcodec
from mdlcodec.descriptions.tensors.network_section import decode_network
from mdlcodec.entropy import integer_frequency_row
from mdlcodec.files import label_file

TRANSMITTED = (two_part_cases, two_part_reals_cases, subspace_cases, variational_cases)
PLAIN = [(folder, name) for folder, cases in plain_cases.CASES.items() for name in cases]
NOT_LEARNED = {"uniform", "one value"}  # of real_cases
LEAST_PAYLOAD = 64
# a score hash says of these what the payload is too short for
SHORT = {
    "mlp of several",
    "large images in colour",
    "large grey images",
    "two-part, resnet20",
    "two-part, vgg16",
}


def golden(path: Path, made: Callable[[], bytes]) -> bytes:
    """The golden file's bytes; where it is not there and is asked for, it is made first."""
    if os.environ.get("MDLCODEC_WRITE_GOLDEN") == "1" and not path.exists():
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_bytes(made())
    return path.read_bytes()


def assert_recorded(folder: Path, name: str, digests: dict[str, str]) -> None:
    """What WHAT.json of a folder has for a file; noted there first if it is missing and asked for."""
    for what, digest in digests.items():
        path = folder / f"{what}.json"
        known = json.loads(path.read_text()) if path.exists() else {}
        if os.environ.get("MDLCODEC_WRITE_GOLDEN") == "1" and name not in known:
            known[name] = digest
            path.write_text(json.dumps(known, indent=1) + "\n")
        assert digest == known[name], what


@pytest.mark.parametrize("name", long_cases.CASES)
def test_long_payloads(name):
    """The same bytes again, and every bit of the scores behind them."""
    case = long_cases.CASES[name]()
    blob = golden(long_cases.GOLDEN / f"{name}.mdl", case.encoded)
    sizes = {part["name"]: part["bytes"] for part in mdlcodec.inspect(blob)["sections"]}
    assert (sizes["labels"] >= LEAST_PAYLOAD) == (name not in SHORT)
    if isinstance(case, long_cases.Transmitted):
        assert case.recoded(blob) == blob
        digests = score_digests.of_network(blob, case.x)
    elif case.code == "uniform":
        assert case.encoded() == blob
        return
    else:
        with first_examples(case.few):
            digests, payload = score_digests.of_learner(blob, case.x, case.y)
        assert label_file.parse(blob).payload == payload
    assert_recorded(long_cases.GOLDEN, name, digests)


@pytest.mark.parametrize(("cases", "name"), [(cases, name) for cases in TRANSMITTED for name in cases.CASES])
def test_scores_of_networks_that_are_transmitted(cases, name):
    blob = (cases.GOLDEN / f"{name}.mdl").read_bytes()
    assert_recorded(cases.GOLDEN, name, score_digests.of_network(blob, cases.CASES[name].x))


# of "mlp" bench/second_decoder.py compares them: it takes long, and "switching" has its networks
@pytest.mark.parametrize("name", sorted(set(real_cases.CASES) - NOT_LEARNED - {"mlp"}))
def test_scores_of_real_numbers(name):
    case, blob = real_cases.CASES[name], (real_cases.GOLDEN / f"{name}.mdl").read_bytes()
    digests, payload = score_digests.of_reals(blob, case.x, case.y)
    assert label_file.parse(blob).payload == payload
    assert_recorded(real_cases.GOLDEN, name, digests)


@pytest.mark.parametrize("name", [n for n in network_view_cases.CASES if n not in network_view_cases.SLOW])
def test_sections_that_no_encoder_may_choose(name):
    section = golden(network_view_cases.GOLDEN / f"{name}.section", lambda: network_view_cases.section(name))
    chosen = network_view_cases.CASES[name]()
    assert section_of(chosen) == section
    wanted = [one.tensor for one in chosen]
    decoded = decode_network(section).tensors
    assert [(t.name, t.dtype, t.shape) for t in decoded] == [(t.name, t.dtype, t.shape) for t in wanted]
    assert [t.patterns.tobytes() for t in decoded] == [t.patterns.tobytes() for t in wanted]


@pytest.mark.parametrize(("folder", "name"), PLAIN, ids=[f"{folder.name}: {name}" for folder, name in PLAIN])
def test_labels_without_learning(folder, name):
    case = plain_cases.CASES[folder][name]
    blob = golden(folder / f"{name}.mdl", case.encoded)
    decoded = mdlcodec.decode(blob, case.x)
    assert (decoded.dtype, decoded.tobytes()) == (case.y.dtype, case.y.tobytes())
    assert case.encoded() == blob


@pytest.mark.parametrize("coder", ["constriction", "numba"])
def test_beyond_the_interval_every_symbol_is_the_last(coder, monkeypatch):
    """formats/labels.md, "Payload": an encoder leaves no number there."""
    monkeypatch.setenv("MDLCODEC_CODER", coder)
    x, y = plain_cases.beyond()
    blob = golden(plain_cases.UNIFORM / "beyond.mdl", plain_cases.beyond_file)
    assert (mdlcodec.decode(blob, x) == y).all()


def test_frequencies_that_another_order_would_round_elsewhere():
    """formats/labels.md, "Frequencies": shares next to whole numbers, sums in another order, ties."""
    rows = json.loads((plain_cases.GOLDEN / "entropy" / "edges.json").read_text())
    assert len(rows) > 10
    for row in rows:
        p = np.array([float.fromhex(value) for value in row["p"]])
        assert integer_frequency_row(p).tolist() == row["frequencies"]


def test_no_file_is_without_a_case():
    """And none is too large for what it is for."""
    for folder, names, ending in [
        (long_cases.GOLDEN, set(long_cases.CASES), "mdl"),
        (network_view_cases.GOLDEN, set(network_view_cases.CASES), "section"),
        (plain_cases.UNIFORM, {*plain_cases.CASES[plain_cases.UNIFORM], "beyond"}, "mdl"),
        (plain_cases.ONE_CLASS, set(plain_cases.CASES[plain_cases.ONE_CLASS]), "mdl"),
    ]:
        files = list(folder.glob(f"*.{ending}"))
        assert {path.stem for path in files} == names
        assert all(path.stat().st_size < 4096 for path in files)
