"""Networks that others trained, under the exact interpreter: the test errors that their authors claim.

    python bench/trained_networks.py --nets FOLDER --cifar FOLDER -o bench/results/trained_networks

The first folder has resnet20_cifar10.npz and resnet56_cifar10.npz (akamaster/pytorch_resnet_cifar10, tensors by
their names there), the second test.webp and labels.npz as bench/cifar10_arrays.py describes. Beside each exact
error stands that of torch's float32.
"""

import argparse
import json
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from cifar10_arrays import tiles
from machine import machine

from mdlcodec.nn.exact_prediction import exact_outputs
from mdlcodec.nn.weights import weights_of
from mdlcodec.nn.zoo import architecture_named
from mdlcodec.sender.float_network import float_outputs

# test errors in per cent, as the authors' README has them, of all 10,000 images
CLAIMED = {"resnet20": 8.27, "resnet56": 6.61}
_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def measured(net: str, path: Path, x: np.ndarray, y: np.ndarray) -> dict[str, object]:
    """Test errors in per cent, how often the two agree, and seconds."""
    architecture = architecture_named(net)
    with np.load(path) as file:
        weights = weights_of(architecture, [file[name] for name in file.files], file.files)
    found: dict[str, object] = {"net": net, "parameters": architecture.parameters(x.shape[1:], 10)}
    answers = {}
    for name, outputs in (("exact", exact_outputs), ("float32", float_outputs)):
        start = time.perf_counter()
        answers[name] = outputs(architecture, weights, x).argmax(1)
        found[f"{name}_seconds"] = round(time.perf_counter() - start, 1)
        found[f"{name}_error"] = round(100 * float(np.mean(answers[name] != y)), 2)
    found["same_answer"] = round(100 * float(np.mean(answers["exact"] == answers["float32"])), 2)
    return found | {"claimed_error": CLAIMED[net]}


def main() -> None:
    """Predicts, and writes the table as Markdown and JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nets", type=Path, required=True)
    parser.add_argument("--cifar", type=Path, required=True)
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args()
    y = np.load(options.cifar / "labels.npz")["test_label"]
    pixels = tiles(options.cifar / "test.webp")[: len(y)].astype(np.float32) / np.float32(255)
    x = ((pixels - np.float32(_MEAN)) / np.float32(_DEVIATION)).astype(np.float32)
    rows = [measured(net, options.nets / f"{net}_cifar10.npz", x, y) for net in CLAIMED]
    facts = {"n": len(y), "threads": torch.get_num_threads(), "torch": version("torch")} | machine()
    options.output.with_suffix(".json").write_text(
        json.dumps({"made_with": facts, "rows": rows}, indent=1) + "\n"
    )
    lines = [
        "# Trained networks under exact prediction\n",
        f"{len(y):,} of CIFAR-10's 10,000 test images (34 could not be had), {facts['threads']} threads, "
        f"{facts['processor']}, torch {facts['torch']}. Errors in per cent; claimed ones are of all images.\n",
        "| network | tensors' elements | exact | float32 | claimed | same answer | exact, s | float32, s |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for row in rows:
        lines.append(
            f"| {row['net']} | {row['parameters']:,} | {row['exact_error']:.2f} | {row['float32_error']:.2f} | "
            f"{row['claimed_error']:.2f} | {row['same_answer']:.2f} % | {row['exact_seconds']} | "
            f"{row['float32_seconds']} |"
        )
    options.output.with_suffix(".md").write_text("\n".join(lines) + "\n")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
