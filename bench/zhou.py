"""Tables 2 and 3 of Zhou et al. 2018, from a file: LeNet-5 on MNIST, trained, pruned and quantised as their A.1
says.

    python bench/zhou.py --mnist DIR -o bench/results/zhou [--seed N] [--limit N] [--settings published|ours]

DIR holds MNIST's four files. The file is `encode --code two-part --net lenet5 --sparsify dns --as-published`, which
trains for 51,000 steps of 1,024 examples (some hours) and is decoded in a fresh process; the rest is `bound`
and `list`. Their figures stand beside ours; their coder's bytes are of weights alone, ours of the file's
network section.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

from machine import machine

# Table 2, KiB and %; Table 3: elements, non-zeros, bytes, bytes gained by smoothing
_TABLE_2 = ("168.4", "8.1", "1.88", "6.23", "46")
_TABLE_3 = {
    "conv1": (500, 16, 62, 3.5),
    "conv2": (25_000, 437, 679, 109),
    "fc1": (400_000, 4727, 7247, 1770),
    "fc2": (5_000, 144, 242, 31),
}


def _told(*arguments: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "mdlcodec", *arguments, "--json"], capture_output=True, text=True, check=True
    )
    facts: dict[str, Any] = json.loads(done.stdout)
    return facts


def measured(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """What the commands tell."""
    file, some = str(folder / "lenet5.mdl"), [] if options.limit is None else ["--limit", str(options.limit)]
    how = ["--as-published"] if options.settings == "published" else []
    start = time.perf_counter()
    encoded = _told(
        "encode", str(options.mnist), "--code", "two-part", "--net", "lenet5", "--sparsify", "dns", *how, *some,
        "--seed", str(options.seed), "-o", file, "--test", str(next(options.mnist.glob("t10k-images*"))), "--quiet",
    )  # fmt: skip
    assert encoded["verified"]
    bound = _told("bound", file, "--inputs", str(options.mnist), "--quiet")
    listed = _told("list", file)
    return {
        "settings": options.settings,
        "seed": options.seed,
        "limit": options.limit,
        "encoded": encoded,
        "bound": bound,
        "network": listed["network"],
        "seconds": time.perf_counter() - start,
        "machine": machine(),
        "versions": {name: version(name) for name in ("mdlcodec", "numpy", "torch")},
    }


def text(found: dict[str, Any]) -> str:
    """Both tables as Markdown."""
    bound, encoded = found["bound"], found["encoded"]
    original, compressed, robustness, effective = (
        f"{bound[name] / 1024:.2f}"
        for name in ("original_bytes", "compressed_bytes", "robustness_bytes", "effective_bytes")
    )
    lines = [
        "# Zhou et al. 2018, Tables 2 and 3, from a file",
        "",
        f"`bench/zhou.py`, settings: {found['settings']}, seed {found['seed']}; {found['machine']['processor']}, "
        f"{found['machine']['cores']} cores; {found['seconds'] / 60:,.0f} min. The file has {encoded['bytes']:,} "
        f"bytes, {bound['training_error']:.2%} training error, {1 - encoded['test_accuracy']:.2%} test error.",
        "",
        "Table 2 (KiB; bound in %, 95 %)",
        "",
        "| | original | compressed | robustness | effective | error bound |",
        "|---|---:|---:|---:|---:|---:|",
        f"| theirs | {' | '.join(_TABLE_2)} |",
        f"| ours | {original} | {compressed} | {robustness} | {effective} | {100 * bound['bound']:.1f} |",
        "",
        "Table 3 (ours: ideal bytes of the coder, which writes all tensors as one stream)",
        "",
        "| layer | elements | non-zeros, theirs | ours | bytes, theirs | ours | smoothing gains, theirs | ours |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    gained = {layer["name"]: -layer["bits"] / 8 for layer in bound["noise"]["layers"]}
    for part in found["network"]["tensors"]:
        layer, _, what = part["name"].partition(".")
        if what != "weight":
            continue
        elements, nonzeros, size, smooth = _TABLE_3[layer]
        own = (part["positions_bits"] + part["values_bits"] + part["codebook_bits"]) / 8
        lines.append(
            f"| {layer} | {elements:,} | {nonzeros:,} | {part['nonzeros']:,} | {size:,} | {own:,.0f} | "
            f"{smooth:g} | {gained[layer]:,.1f} |"
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--mnist", type=Path, required=True)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--limit", type=int)
    parser.add_argument("--settings", choices=["published", "ours"], default="published")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = measured(options, Path(folder))
    options.output.with_suffix(".json").write_text(json.dumps(found, indent=1) + "\n")
    options.output.with_suffix(".md").write_text(text(found))


if __name__ == "__main__":
    main()
