"""Sparse networks by every method, as files: bytes, non-zeros, units, test error, bound.

    python bench/sparse.py --data DIR -o bench/results/sparse [--only NAME ...] [--validate] [--seeds 0 1 2]

DIR holds mnist.npz and mnist_test.npz (x and y). Each row is a command: `mdlcodec encode ... --network-only`, whose
file a fresh process unpacks; test errors are of that file's weights, in exact arithmetic, on images that played no
part in training. With --validate the last 10,000 training images stand for the test images, and the others are
trained on; such rows go to OUT_validation.json and .md. What strengths were chosen by: results/sparse_choices.md.
Rows are added to OUT.json and OUT.md; with --vibnet those of bench/vibnet.py on MNIST, whose files are those of the
commands shown.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from machine import processor

from mdlcodec import data
from mdlcodec.bounds import binomial_tail_inverse
from mdlcodec.files import networks
from mdlcodec.limits import Limits
from mdlcodec.nn.weights import weights_of
from mdlcodec.nn.zoo import architecture_named
from mdlcodec.report.structure import structure_of

_HELD_BACK = 10_000
_CONFIDENCE = 0.95


@dataclass(frozen=True)
class Row:
    """A command's options."""

    name: str
    net: str
    options: tuple[str, ...]


def _two_part(name: str, net: str, *options: str) -> Row:
    return Row(name, net, ("--code", "two-part", "--net", net, *options))


ROWS = (
    _two_part("entropy", "lenet-300-100", "--sparsify", "entropy"),
    _two_part("dns", "lenet-300-100", "--sparsify", "dns"),
    _two_part("vib", "lenet-300-100", "--sparsify", "vib"),
    _two_part("pmmp", "lenet-300-100", "--sparsify", "pmmp"),
    _two_part("drr", "lenet-300-100", "--sparsify", "drr"),
    _two_part("rl1", "lenet-300-100", "--sparsify", "rl1"),
    _two_part("layerwise", "lenet-300-100", "--sparsify", "layerwise"),
    _two_part("hard-concrete", "lenet-300-100", "--sparsify", "hard-concrete"),
    _two_part("magnitude", "lenet-300-100", "--sparsify", "magnitude"),
    _two_part("entropy, LeNet-5", "lenet5", "--sparsify", "entropy"),
    _two_part("vib, LeNet-5", "lenet5", "--sparsify", "vib"),
    Row("variational", "narrow-lenet", ("--code", "variational")),
    Row("variational, larger", "narrow-lenet", ("--code", "variational", "--strength", "0.4")),
)


def _saved(folder: Path, name: str, x: np.ndarray, y: np.ndarray) -> Path:
    path = folder / f"{name}.npz"
    np.savez(path, x=x, y=y)
    return path


def sets(folder: Path, work: Path, validate: bool) -> tuple[Path, Path]:
    """Paths of what is trained on, and of what is tested on."""
    if not validate:
        return folder / "mnist.npz", folder / "mnist_test.npz"
    with np.load(folder / "mnist.npz") as held:
        x, y = held["x"], held["y"]
    return (
        _saved(work, "training", x[:-_HELD_BACK], y[:-_HELD_BACK]),
        _saved(work, "validation", x[-_HELD_BACK:], y[-_HELD_BACK:]),
    )


def of_vibnet(path: Path) -> list[dict[str, Any]]:
    """Rows of LeNet-300-100 and LeNet-5 that bench/vibnet.py measured."""
    names, held = {1: "vib", 2: "vib, LeNet-5"}, json.loads(path.read_text())
    rows = [row for row in held["rows"] if row["table"] in names]
    for row in rows:
        del row["figure_2"]
        row["name"] = names[row["table"]]
        row["options"] = ["--code", "two-part", "--net", row["net"], "--sparsify", "vib", *row["options"]]
    return rows


def measured(row: Row, more: list[str], train: Path, test: Path, seed: int, work: Path) -> dict[str, object]:
    """One row."""
    file = work / "network.mdl"
    options = [*row.options, *more]
    command = [sys.executable, "-m", "mdlcodec", "encode", str(train), *options, "--seed", str(seed)]
    command += ["--network-only", "-o", str(file), "--force", "--test", str(test), "--json", "--quiet"]
    start = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        return {"name": row.name, "options": options, "seed": seed, "failed": done.stderr.strip()}
    facts = json.loads(done.stdout)
    assert facts["verified"]
    network, architecture = networks.unpack(file.read_bytes(), Limits()), architecture_named(row.net)
    arrays = [tensor.array() for tensor in network.tensors]
    weights = weights_of(architecture, arrays, layouts=(False,))
    trained = data.read(str(train))
    labels = trained.class_labels
    right = networks.accuracy(network, architecture, trained.inputs.features, labels.classes)
    structure = structure_of(architecture, weights, trained.inputs.features.shape[1:], len(labels.values))
    wrong = round((1 - right) * len(labels.classes))
    nats = 8 * facts["bytes"] * math.log(2)
    bound = binomial_tail_inverse(wrong, len(labels.classes), math.log(1 - _CONFIDENCE) - nats)
    return {
        "name": row.name,
        "net": row.net,
        "options": options,
        "seed": seed,
        "bytes": facts["bytes"],
        "training_error": 1 - right,
        "test_error": 1 - facts["test_accuracy"],
        "nonzeros": structure.nonzeros,
        "units": str(structure),
        "weights_share": structure.weights_share,
        "activations_share": structure.activations_share,
        "multiply_adds": structure.multiply_adds,
        "bound": bound,
        "processor": processor(),
        "seconds": time.perf_counter() - start,
        "threads": os.environ.get("OMP_NUM_THREADS", str(os.cpu_count())),
    }


def _told(rows: list[dict[str, Any]], versions: dict[str, str]) -> str:
    """Machines and versions, for people."""
    processors = " and ".join(dict.fromkeys(row["processor"] for row in rows if "processor" in row))
    return ", ".join((processors, *(f"{name} {value}" for name, value in versions.items())))


def table(rows: list[dict[str, Any]], versions: dict[str, str], validate: bool) -> str:
    """The rows as Markdown."""
    which = (
        "the last 10,000 training images, which were not trained on, in the place of test images"
        if validate
        else "MNIST, 60,000 training images; test errors are of the 10,000 test images, once for each row (which "
        "strengths were chosen by what: sparse_choices.md)"
    )
    lines = [
        "# Sparse networks as files" + (": validation" if validate else ""),
        "",
        f"`bench/sparse.py`; {which}. Bytes are those of a file that a fresh process unpacked; errors of its "
        "weights, exact. r_W, r_N, FLOP: shares of weights and activations, and multiply-adds, as Dai et al. 2018 "
        "count them. "
        f"Bound: Occam, binomial tail, 95 %, by the file's bytes. {_told(rows, versions)}.",
        "",
        "| | command: `encode` .. | seed | bytes | test error | training error | non-zeros | units | r_W | r_N "
        "| FLOP | bound | s, threads |",
        "|---|---|---|---:|---:|---:|---:|---|---:|---:|---:|---:|---|",
    ]
    for row in rows:
        command = f"`{' '.join(map(str, row['options']))}`"
        if "failed" in row:
            lines.append(f"| {row['name']} | {command} | {row['seed']} | {row['failed']} | | | | | | | | | |")
            continue
        lines.append(
            f"| {row['name']} | {command} | {row['seed']} | {row['bytes']:,} | {row['test_error']:.2%} | "
            f"{row['training_error']:.2%} | {row['nonzeros']:,} | {row['units']} | {row['weights_share']:.2%} | "
            f"{row['activations_share']:.2%} | {row['multiply_adds']:,} | {row['bound']:.1%} | "
            f"{row['seconds']:,.0f}, {row['threads']} |"
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--only", nargs="+", choices=[row.name for row in ROWS])
    parser.add_argument(
        "--more", nargs="*", default=[], help="options for all of them, as --more=--strength=2"
    )
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--validate", action="store_true")
    parser.add_argument("--vibnet", type=Path, help="OUT.json of bench/vibnet.py")
    options = parser.parse_args()
    ending = "_validation" if options.validate else ""
    output = options.output.with_name(options.output.name + ending)
    held = output.with_suffix(".json")
    rows = json.loads(held.read_text())["rows"] if held.exists() else []
    versions = {name: version(name) for name in ("mdlcodec", "numpy", "torch")}

    def add(found: dict[str, Any]) -> None:
        nonlocal rows
        same = (found["name"], found["options"], found["seed"])
        rows = [other for other in rows if (other["name"], other["options"], other["seed"]) != same] + [found]
        held.write_text(json.dumps({"versions": versions, "rows": rows}, indent=1) + "\n")
        output.with_suffix(".md").write_text(table(rows, versions, options.validate))

    if options.vibnet:
        for found in of_vibnet(options.vibnet):
            add(found)
        return
    with tempfile.TemporaryDirectory() as folder:
        train, test = sets(options.data, Path(folder), options.validate)
        for row in ROWS:
            if options.only and row.name not in options.only:
                continue
            for seed in options.seeds:
                found = measured(row, options.more, train, test, seed, Path(folder))
                print(json.dumps(found), flush=True)
                add(found)


if __name__ == "__main__":
    main()
