"""MobileNet 0.5 compressed as Zhou et al. 2018, A.2, say, on CIFAR-10 or a part of it, from a file.

    python bench/mobilenet.py --cifar10 DATA --test DATA -o bench/results/mobilenet [--limit N] [--preset P]

The command is `encode --code two-part --net mobilenet-0.5 --sparsify magnitude --codebooks`: weights of the layers
of one place and of the last one go by size, on Zhu & Gupta's schedule, to shares that grow linearly with the
layers' sizes, from 65 % to 75 % of the largest's; the others stay. Codebooks have 6 bits, and 5 in the last layer.
What is not theirs: they began with a network that was trained before, weights that went came back where they were
needed, and their images are large.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

from machine import machine

from mdlcodec.nn.zoo import MOBILENET_HALF

_LEAST, _MOST = 0.65, 0.75
_KINDS = {"conv1": "each channel", "conv2": "one place", "linear": "last"}


def shares(shape: tuple[int, int, int], classes: int) -> dict[str, float]:
    """Of each layer of one place and of the last, by A.2."""
    tensors = MOBILENET_HALF.tensors(shape, classes)
    pruned = {name: math.prod(p.shape) for name, p in tensors.items() if _is_pruned(name)}
    largest = max(pruned.values())
    return {
        name.removesuffix(".weight"): round(_LEAST + (_MOST - _LEAST) * size / largest, 4)
        for name, size in pruned.items()
    }


def _is_pruned(name: str) -> bool:
    return name.endswith(".conv2.weight") or name == "linear.weight"


def _told(*arguments: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "mdlcodec", *arguments, "--json", "--quiet"]
    facts: dict[str, Any] = json.loads(
        subprocess.run(command, capture_output=True, text=True, check=True).stdout
    )
    return facts


def measured(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """What the commands tell."""
    file = str(folder / "mobilenet.mdl")
    some = [] if options.limit is None else ["--limit", str(options.limit)]
    given = shares((32, 32, 3), 10)
    how = ["--shares", ",".join(f"{name}={share}" for name, share in given.items()), "--bits", "6,linear=5"]
    start = time.perf_counter()
    encoded = _told(
        "encode", options.cifar10, "--code", "two-part", "--net", "mobilenet-0.5", "--sparsify", "magnitude",
        "--codebooks", *how, *some, f"-{options.preset}", "--seed", str(options.seed), "-o", file,
        "--test", options.test,
    )  # fmt: skip
    assert encoded["verified"]
    seconds = time.perf_counter() - start
    bound = _told("bound", file, "--inputs", options.cifar10, "--trials", str(options.trials))
    kept = ("bytes", "labels", "training_error", "test_accuracy", "seconds", "sections")
    return {
        "preset": options.preset,
        "seed": options.seed,
        "shares": given,
        "encoded": {name: encoded[name] for name in kept if name in encoded},
        "bound": {
            name: bound[name] for name in ("n", "errors", "original_bytes", "compressed_bytes", "bound")
        },
        "layers": bound["layers"],
        "seconds": seconds,
        "machine": machine(),
        "versions": {name: version(name) for name in ("mdlcodec", "numpy", "torch")},
    }


def text(found: dict[str, Any]) -> str:
    """As Markdown: the whole, and layers by their kind."""
    encoded, bound = found["encoded"], found["bound"]
    lines = [
        "# MobileNet 0.5 as a file",
        "",
        f"`bench/mobilenet.py`: {encoded['labels']:,} images of CIFAR-10, preset {found['preset']}, seed "
        f"{found['seed']}; {found['machine']['processor']}, {found['machine']['cores']} cores, shared with other "
        f"work; {found['seconds'] / 60:,.1f} min with the decoding in a fresh process. Settings of Zhou et al. "
        "2018, A.2: shares that go from 65 to 75 % by the layers' sizes, Zhu & Gupta's schedule, codebooks of 6 "
        "bits, 5 in the last layer.",
        "",
        f"The file has {encoded['bytes']:,} bytes, {bound['compressed_bytes']:,} of them the network's (of "
        f"{bound['original_bytes']:,}); {bound['errors'] / bound['n']:.2%} training error, "
        f"{1 - encoded['test_accuracy']:.2%} test error; the bound that follows is {bound['bound']:.1%}.",
        "",
        *(
            ["Trained so briefly it has hardly learned: what this shows is the file and its layers.", ""]
            if bound["errors"] > bound["n"] / 2
            else []
        ),
        "| layers | elements | non-zeros | share | bytes (ideal) |",
        "|---|---:|---:|---:|---:|",
    ]
    kinds: dict[str, list[dict[str, Any]]] = {}
    for layer in found["layers"]:
        name = layer["name"].rpartition(".")[2] if "." in layer["name"] else ""
        kind = _KINDS.get(name or (layer["name"] if layer["name"] == "linear" else ""), "first")
        kinds.setdefault("all else" if layer["name"] == "all else" else kind, []).append(layer)
    for kind, layers in kinds.items():
        elements, nonzeros, size = (
            sum(row[key] for row in layers) for key in ("elements", "nonzeros", "bytes")
        )
        lines.append(f"| {kind} | {elements:,} | {nonzeros:,} | {nonzeros / elements:.2%} | {size:,.0f} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cifar10", required=True)
    parser.add_argument("--test", required=True)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--limit", type=int)
    parser.add_argument("--preset", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--trials", type=int, default=1000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = measured(options, Path(folder))
    options.output.with_suffix(".json").write_text(json.dumps(found, indent=1) + "\n")
    options.output.with_suffix(".md").write_text(text(found))


if __name__ == "__main__":
    main()
