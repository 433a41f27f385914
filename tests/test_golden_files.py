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
import plain_cases
import pytest
import score_digests
import subspace_cases
import two_part_cases
import two_part_reals_cases
import variational_cases
from label_sets import first_examples
from section_writer import section_of

import mdlcodec
from mdlcodec.descriptions.tensors.network_section import decode_network
from mdlcodec.files import labels

TRANSMITTED = (two_part_cases, two_part_reals_cases, subspace_cases, variational_cases)
PLAIN = [(folder, name) for folder, cases in plain_cases.CASES.items() for name in cases]
LEAST_PAYLOAD = 64
# a score hash says of these what the payload is too short for
SHORT = {"mlp of several", "cnn, mirrored", "two-part, resnet20", "two-part, vgg16"}


def golden(path: Path, made: Callable[[], bytes]) -> bytes:
    """The golden file's bytes; where it is not there and is asked for, it is made first."""
    if os.environ.get("MDLCODEC_WRITE_GOLDEN") == "1" and not path.exists():
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_bytes(made())
    return path.read_bytes()


def recorded_digest(folder: Path, name: str, digest: str) -> str:
    """The digest that scores.json of a folder has; noted there first if it is missing and asked for."""
    path = folder / "scores.json"
    known = json.loads(path.read_text()) if path.exists() else {}
    if os.environ.get("MDLCODEC_WRITE_GOLDEN") == "1" and name not in known:
        path.write_text(json.dumps(known | {name: digest}, indent=1) + "\n")
        return digest
    return str(known[name])


@pytest.mark.parametrize("name", long_cases.CASES)
def test_long_payloads(name):
    """The same bytes again, and every bit of the scores behind them."""
    case = long_cases.CASES[name]()
    blob = golden(long_cases.GOLDEN / f"{name}.mdl", case.encoded)
    sizes = {part["name"]: part["bytes"] for part in mdlcodec.inspect(blob)["sections"]}
    assert (sizes["labels"] >= LEAST_PAYLOAD) == (name not in SHORT)
    if isinstance(case, long_cases.Transmitted):
        assert case.recoded(blob) == blob
        digest = score_digests.of_network(blob, case.x)
    elif case.code == "uniform":
        assert case.encoded() == blob
        return
    else:
        with first_examples(case.few):
            digest, payload = score_digests.of_learner(blob, case.x, case.y)
        assert labels.parse(blob).payload == payload
    assert digest == recorded_digest(long_cases.GOLDEN, name, digest)


@pytest.mark.parametrize(("cases", "name"), [(cases, name) for cases in TRANSMITTED for name in cases.CASES])
def test_scores_of_networks_that_are_transmitted(cases, name):
    blob = (cases.GOLDEN / f"{name}.mdl").read_bytes()
    digest = score_digests.of_network(blob, cases.CASES[name].x)
    assert digest == recorded_digest(cases.GOLDEN, name, digest)


@pytest.mark.parametrize("name", network_view_cases.CASES)
def test_sections_that_no_encoder_may_choose(name):
    section = golden(network_view_cases.GOLDEN / f"{name}.section", lambda: network_view_cases.section(name))
    chosen = network_view_cases.CASES[name]()
    if name not in network_view_cases.SLOW:
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
