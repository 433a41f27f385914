"""The two-part code on MNIST: bytes of network and labels, test error of the network, and the bound that follows.

    python bench/two_part.py --mnist DIR -o bench/results/two_part [--nets lenet5 lenet-300-100] [--seed N]
                             [--sparsify NAME] [--preset N]

DIR holds MNIST's four files. `encode` and `decode` run in fresh processes; the decoded labels are compared with the
originals; the network is taken out of the file with `unpack`, and its error on the test images is that of the exact
prediction. Test images play no part in training, and nothing is chosen by them here. Rows are added to OUT.json and
OUT.md.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from machine import machine

import mdlcodec
from mdlcodec import data
from mdlcodec.nn.exact_prediction import exact_outputs
from mdlcodec.nn.weights import weights_of
from mdlcodec.nn.zoo import architecture_named

_HEAD = [
    "network", "sparsify", "preset", "seed", "file", "network section", "labels", "non-zeros", "training error",
    "test error", "bound, 95 %", "s to encode", "s to decode", "threads",
]  # fmt: skip


def main() -> None:
    """Measure, and write OUT.json and OUT.md."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--mnist", type=Path, required=True)
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--nets", nargs="*", default=["lenet5", "lenet-300-100"])
    parser.add_argument("--sparsify", default="entropy")
    parser.add_argument("--preset", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    for net in arguments.nets:
        row = _row(arguments.mnist, net, arguments.sparsify, arguments.preset, arguments.seed)
        print(json.dumps(row), flush=True)
        path = arguments.out.with_suffix(".json")
        rows = json.loads(path.read_text())["rows"] if path.exists() else []
        key = ("net", "sparsify", "preset", "seed")
        rows = [other for other in rows if any(other[name] != row[name] for name in key)] + [row]
        versions = {name: version(name) for name in ("numpy", "numba", "torch")}
        results = {
            "machine": machine(),
            "versions": versions | {"mdlcodec": mdlcodec.__version__},
            "rows": rows,
        }
        path.write_text(json.dumps(results, indent=1) + "\n")
        arguments.out.with_suffix(".md").write_text(_table(results))


def _row(mnist: Path, net: str, sparsify: str, preset: int, seed: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        file, labels, network = (Path(folder, name) for name in ("two.mdl", "labels.npy", "network.npz"))
        encoded = _run(
            "encode", str(mnist), "-o", str(file), "--code", "two-part", "--net", net, "--sparsify", sparsify,
            f"-{preset}", "--seed", str(seed), "--no-verify",
        )  # fmt: skip
        start = time.perf_counter()
        _run("decode", str(file), "--inputs", str(mnist), "-o", str(labels), facts=False)
        decode_seconds = time.perf_counter() - start
        truth = data.read(str(mnist)).labels
        assert truth is not None
        assert np.array_equal(np.load(labels), truth.values[truth.classes]), "other labels came back"
        _run("unpack", str(file), "-o", str(network), facts=False)
        arrays = list(np.load(network).values())
        bound = _run("bound", str(file), "--inputs", str(mnist))
    sections = {section["name"]: section["bytes"] for section in encoded["sections"]}
    return {
        "net": net,
        "sparsify": sparsify,
        "preset": preset,
        "seed": seed,
        "bytes": encoded["bytes"],
        "network_bytes": sections["network"],
        "labels_bytes": sections["labels"],
        "nonzeros": sum(int(np.count_nonzero(array)) for array in arrays),
        "training_error": encoded["training_error"],
        "test_error": _test_error(mnist, net, arrays),
        "bound": bound["bound"],
        "bounds": bound["bounds"],
        "encode_seconds": encoded["seconds"],
        "decode_seconds": decode_seconds,
        "threads": os.environ.get("OMP_NUM_THREADS", str(os.cpu_count())),
    }


def _run(*arguments: str, facts: bool = True) -> dict[str, Any]:
    command = [sys.executable, "-m", "mdlcodec", *arguments, "--quiet", *(["--json"] if facts else [])]
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    return json.loads(output) if facts else {}


def _test_error(mnist: Path, net: str, arrays: list[np.ndarray]) -> float:
    """Share of the test images that the exact prediction gets wrong."""
    with tempfile.TemporaryDirectory() as folder:  # the reader takes the training pair of a folder
        for path in mnist.glob("t10k-*"):
            Path(folder, path.name.replace("t10k-", "train-")).symlink_to(path.resolve())
        test = data.read(folder)
    assert test.labels is not None
    architecture = architecture_named(net)
    weights = weights_of(architecture, arrays)
    features = test.inputs.features
    wrong = 0
    for start in range(0, len(features), 1000):
        scores = exact_outputs(architecture, weights, features[start : start + 1000])
        wrong += int((scores.argmax(1) != test.labels.classes[start : start + 1000]).sum())
    return wrong / len(features)


def _table(results: dict[str, Any]) -> str:
    lines = [
        "# The two-part code on MNIST",
        "",
        f"Made by `bench/two_part.py`; {results['machine']}; versions {results['versions']}. n = 60,000 labels;",
        "bytes of the file, of its network and of its labels; the file was decoded in a fresh process.",
        "",
        "| " + " | ".join(_HEAD) + " |",
        "|---|---|" + "---:|" * (len(_HEAD) - 2),
    ]
    for row in results["rows"]:
        cells = [
            row["net"], row["sparsify"], f"{row['preset']}", f"{row['seed']}", f"{row['bytes']:,}",
            f"{row['network_bytes']:,}", f"{row['labels_bytes']:,}", f"{row['nonzeros']:,}",
            f"{row['training_error']:.2%}", f"{row['test_error']:.2%}", f"{row['bound']:.2%}",
            f"{row['encode_seconds']:.0f}", f"{row['decode_seconds']:.0f}", row["threads"],
        ]  # fmt: skip
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
