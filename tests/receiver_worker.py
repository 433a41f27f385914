"""Decodes every golden file with whatever package is on the path, and prints how many there were.

python receiver_worker.py
"""

import hashlib
import json
from pathlib import Path

import long_cases
import network_view_cases
import numpy as np
import plain_cases
import real_cases
import sampled_cases
import subspace_cases
import text_cases
import two_part_cases
import two_part_reals_cases
import variational_cases
from label_sets import CASES, SWITCHED, first_examples

import mdlcodec
from mdlcodec import data
from mdlcodec.codes import CODES
from mdlcodec.container import read_label_file
from mdlcodec.descriptions.tensors.network_section import decode_network
from mdlcodec.files.networks import digest

GOLDEN = Path(__file__).parent / "golden" / "good"


def _payload(code: str, name: str, x: np.ndarray, y: np.ndarray, net: str, preset: int) -> None:
    inputs, labels = (dataset := data.from_arrays(x, y)).inputs, dataset.labels
    assert labels is not None
    payload = bytes.fromhex(json.loads((GOLDEN / code / "payloads.json").read_text())[name])
    chosen = CODES[code]
    settings = chosen.settings(net, preset, 0, inputs, labels.target)
    prepared = chosen.prepare(inputs, labels.target, settings)
    found = prepared.decode(payload, lambda done, bits, stage="": None).values
    assert np.array_equal(found, labels.classes), f"{code}, {name}"


def _same(blob: bytes, x: np.ndarray, y: np.ndarray, name: str) -> None:
    decoded = mdlcodec.decode(blob, x)
    assert (decoded.dtype, decoded.tobytes()) == (y.dtype, y.tobytes()), name


def main() -> int:
    """The number of files decoded."""
    count = 0
    for cases in (two_part_cases, subspace_cases, variational_cases):
        for name, case in cases.CASES.items():
            found = mdlcodec.decode((cases.GOLDEN / f"{name}.mdl").read_bytes(), case.x)
            assert np.array_equal(found, case.y), f"{cases.GOLDEN.name}, {name}"
            count += 1
    for cases in (real_cases, two_part_reals_cases):
        for name, given in cases.CASES.items():
            found = mdlcodec.decode((cases.GOLDEN / f"{name}.mdl").read_bytes(), given.x)
            assert found.tobytes() == given.y.tobytes(), f"{cases.GOLDEN.name}, {name}"
            count += 1
    for folder, plain in plain_cases.CASES.items():
        for name, chosen in plain.items():
            _same((folder / f"{name}.mdl").read_bytes(), chosen.x, chosen.y, f"{folder.name}, {name}")
            count += 1
    _same((plain_cases.UNIFORM / "beyond.mdl").read_bytes(), *plain_cases.beyond(), "uniform, beyond")
    count += 1
    for name, made in long_cases.CASES.items():
        long = made()
        with first_examples(long.few if isinstance(long, long_cases.Learned) else None):
            _same((long_cases.GOLDEN / f"{name}.mdl").read_bytes(), long.x, long.y, f"long, {name}")
        count += 1
    weights = json.loads((sampled_cases.GOLDEN / "weights.json").read_text())
    for name in sampled_cases.CASES:
        found = mdlcodec.unpack((sampled_cases.GOLDEN / f"{name}.mdl").read_bytes())
        held = b"".join(array.tobytes() for array in found.values())
        assert hashlib.sha256(held).hexdigest() == weights[name], f"sampled, {name}"
        count += 1
    for name, coded in text_cases.CASES.items():
        found = mdlcodec.decode_text((text_cases.GOLDEN / f"{name}.mdl").read_bytes())
        assert found == coded.text, f"text, {name}"
        count += 1
    for name, (x, y, net, preset) in CASES.items():
        _payload("prequential", name, x, y, net, preset)
        count += 1
    for name, (x, y, preset, few) in SWITCHED.items():
        with first_examples(few):
            _payload("switching", name, x, y, "auto", preset)
        count += 1
    for name, tensors_of in network_view_cases.CASES.items():
        tensors = decode_network((network_view_cases.GOLDEN / f"{name}.section").read_bytes()).tensors
        assert digest(tensors) == digest([one.tensor for one in tensors_of()]), f"network_views, {name}"
        count += 1
    held = set()
    for path in sorted((GOLDEN / "network").glob("*.section")):
        tensors = decode_network(path.read_bytes()).tensors
        if path.stem != "eight_bits":
            held.add(digest(tensors))
        count += 1
    assert len(held) == 1, "golden sections hold different tensors"
    for path in sorted((GOLDEN / "container").glob("*.bin")):
        header, payload = read_label_file(path.read_bytes())
        assert header.n >= 0
        assert hashlib.sha256(payload).digest()
        count += 1
    return count


if __name__ == "__main__":
    print(main())
