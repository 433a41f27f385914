"""Tables 1 to 4 and Figure 2 of Dai et al. 2018 (VIBNet, poster), with bytes of files that were decoded.

    python bench/vibnet.py --data DIR -o bench/results/vibnet [--tables 1 2 3 4] [--seeds 0 1 2] [--preset 5]
                           [--share 0.25] [--strength S | --gamma G ...] [--bits B] [--copies N ..] [--moved M ..]

DIR holds mnist.npz and mnist_test.npz; for Table 3 cifar10.npz and cifar10_test.npz, for Table 4 cifar100.npz and
cifar100_test.npz (x and y each). VGG16 is a `--share` of its widths; 1 is the paper's, which wants a GPU or a day.
Rows: r_W, r_N, FLOP (multiply-adds of one example), test error, units, bytes of the network's file, which a fresh
process unpacked, and the bound that follows (Occam, binomial tail, 95 %). The comparators are quoted from the
poster. OUT.json and OUT.md get the rows, OUT_figure_2.png the share of weights that are left and 1/2 sum log2(1
+ alpha) of the first layer with noise, while it is trained.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
import textwrap
import time
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from machine import machine, processor

import mdlcodec
from mdlcodec import data
from mdlcodec.bounds import binomial_tail_inverse
from mdlcodec.codes import Options
from mdlcodec.files import networks
from mdlcodec.files.trained import encode_network
from mdlcodec.limits import SENDER_LIMITS, Limits
from mdlcodec.nn.weights import weights_of
from mdlcodec.nn.zoo import Architecture, architecture_named
from mdlcodec.nn.zoo.vgg import vgg
from mdlcodec.observe.contract import Moment
from mdlcodec.report.accuracy import read_examples
from mdlcodec.report.structure import structure_of
from mdlcodec.sender.sparsify.contract import BITS
from mdlcodec.sender.sparsify.penalised import Penalised
from mdlcodec.sender.sparsify.vib import InformationBottleneck

# (method, r_W %, r_N %, FLOP in millions, error %, pruned model), as the poster has them
QUOTED: dict[int, tuple[str, tuple[tuple[str, ...], ...]]] = {
    1: (
        "LeNet-300-100 on MNIST",
        (
            ("VD", "25.28", "58.95", "", "1.8", "512-114-72"),
            ("BC-GNJ", "10.76", "32.85", "", "1.8", "278-98-13"),
            ("BC-GHS", "10.55", "34.71", "", "1.8", "311-86-14"),
            ("L0", "26.02", "45.02", "", "1.4", "219-214-100"),
            ("L0-sep", "10.01", "32.69", "", "1.8", "266-88-33"),
            ("DN", "23.05", "57.94", "", "1.8", "542-83-61"),
            ("VIBNet", "3.59", "16.98", "", "1.6", "97-71-33"),
        ),
    ),
    2: (
        "LeNet-5 on MNIST",
        (
            ("GD", "1.38", "32.00", "0.250", "1.1", ""),
            ("GL", "23.69", "19.35", "0.201", "1.0", ""),
            ("VD", "9.29", "60.78", "0.660", "1.0", ""),
            ("SBP", "19.66", "21.15", "0.213", "0.9", ""),
            ("BC-GNJ", "0.95", "35.03", "0.283", "1.0", ""),
            ("BC-GHS", "0.64", "22.80", "0.153", "1.0", ""),
            ("L0", "8.92", "85.82", "1.113", "0.9", ""),
            ("L0-sep", "1.08", "40.36", "0.389", "1.0", ""),
            ("VIBNet", "0.83", "15.55", "0.094", "1.0", ""),
        ),
    ),
    3: (
        "VGG16 on CIFAR-10",
        (
            ("BC-GNJ", "6.57", "81.68", "141.5", "8.6", ""),
            ("BC-GHS", "5.40", "74.82", "121.9", "9.0", ""),
            ("VIBNet", "5.30", "49.57", "70.63", "8.8 (8.5)", ""),
            ("PF", "35.99", "83.97", "206.3", "6.6", ""),
            ("SBP", "7.01", "80.72", "136.0", "7.5", ""),
            ("SBPa", "5.78", "66.46", "99.20", "9.0", ""),
            ("VIBNet", "5.45", "57.86", "86.82", "6.5 (6.1)", ""),
            ("NS-Single", "11.50", "-", "195.5", "6.2", ""),
            ("NS-Best", "8.60", "-", "147.0", "5.9", ""),
            ("VIBNet", "5.79", "59.60", "116.0", "6.2 (5.8)", ""),
        ),
    ),
    4: (
        "VGG16 on CIFAR-100",
        (
            ("RNP", "-", "-", "160", "38.0", ""),
            ("VIBNet", "22.75", "59.80", "133.6", "37.6 (37.4)", ""),
            ("NS-Single", "24.90", "-", "250.5", "26.5", ""),
            ("NS-Best", "20.80", "-", "214.8", "26.0", ""),
            ("VIBNet", "15.08", "73.80", "203.1", "25.9 (25.1)", ""),
        ),
    ),
}
SETS = {1: "mnist", 2: "mnist", 3: "cifar10", 4: "cifar100"}
_CONFIDENCE, _POINTS = 0.95, 60
_LIMITS = replace(SENDER_LIMITS, memory=16 << 30)  # a VGG16's moved copies take more than is usual


def network_of(table: int, share: float) -> Architecture:
    """What a table is about."""
    if table < 3:
        return architecture_named("lenet-300-100" if table == 1 else "lenet5")
    if share == 1:
        return architecture_named("vgg16")
    name = f"vgg16-{share:g}".replace(".", "_")
    mdlcodec.register(vgg(share=share), name=name)
    return architecture_named(name)


class Watched:
    """Figure 2: the share of weights that are left, and the bound on what the first layer tells of the inputs."""

    def __init__(self) -> None:
        self.steps: list[int] = []
        self.left: list[float] = []
        self.information: list[float] = []

    def __call__(self, moment: Moment) -> None:
        """After a step."""
        phase = moment.phase
        if not isinstance(phase, Penalised) or moment.done % max(1, phase.steps // _POINTS):
            return
        method = phase.method
        assert isinstance(method, InformationBottleneck)
        tensors = {name: tensor for name, tensor in phase.tensors().items() if tensor.dim() > 1}
        whole = sum(tensor.numel() for tensor in tensors.values())
        stays = {layer.name: method.stays(layer.name) for layer in method.layers}
        left = 0
        for name, tensor in tensors.items():
            rows = stays.get(name.rpartition(".")[0])
            kept = tensor if rows is None else tensor[rows]
            left += int((kept != 0).sum())
        self.steps.append(moment.done)
        self.left.append(left / whole)
        self.information.append(method.information(method.layers[0].name))


def as_encode_has_them(options: argparse.Namespace) -> list[str]:
    """Those of a row, for `mdlcodec encode`; none where they are its own."""
    given = [] if options.strength is None else ["--strength", f"{options.strength:g}"]
    if options.gamma is not None:
        given += ["--gamma", ",".join(f"{one:g}" for one in options.gamma)]
    given += ["--bits", f"{options.bits}"] if options.bits != BITS else []
    for name, chosen in (("copies", options.copies), ("moved", options.moved)):
        given += [] if chosen is None else [f"--{name}", ",".join(f"{one:g}" for one in chosen)]
    return given if options.preset == 5 else [*given, f"-{options.preset}"]


def measured(table: int, options: argparse.Namespace, seed: int) -> dict[str, Any]:
    """One row, and the curves of Figure 2."""
    architecture, name = network_of(table, options.share), SETS[table]
    train, test = (options.data / f"{name}{ending}.npz" for ending in ("", "_test"))
    dataset = data.read(str(train), keep=True)
    examples = read_examples(str(test), None, dataset)
    watched, start = Watched(), time.perf_counter()
    gamma = None if options.gamma is None else tuple(options.gamma)
    chosen = Options(
        sparsify="vib",
        bits=options.bits,
        strength=options.strength,
        gamma=gamma,
        copies=options.copies,
        moved=options.moved,
        observers=(watched,),
    )
    blob, _, _ = encode_network(
        dataset,
        code="two-part",
        net=architecture.name,
        preset=options.preset,
        seed=seed,
        options=chosen,
        limits=_LIMITS,
    )
    seconds = time.perf_counter() - start
    network = networks.unpack(blob, Limits())
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "network.mdl"
        file.write_bytes(blob)
        done = subprocess.run(
            [sys.executable, "-m", "mdlcodec", "test", str(file), "--json", "--quiet"],
            capture_output=True,
            text=True,
            check=True,
        )
        assert json.loads(done.stdout)["digest"] == networks.digest(network.tensors)
    labels, features = dataset.class_labels, dataset.inputs.features
    weights = weights_of(architecture, [tensor.array() for tensor in network.tensors], layouts=(False,))
    found = structure_of(architecture, weights, features.shape[1:], len(labels.values))
    right = networks.accuracy(network, architecture, features, labels.classes)
    wrong = round((1 - right) * len(labels.classes))
    nats = 8 * len(blob) * math.log(2)
    return {
        "table": table,
        "net": architecture.name,
        "options": as_encode_has_them(options),
        "seed": seed,
        "training_error": 1 - right,
        "nonzeros": found.nonzeros,
        "weights_share": found.weights_share,
        "activations_share": found.activations_share,
        "multiply_adds": found.multiply_adds,
        "test_error": 1 - networks.accuracy(network, architecture, examples.features, examples.classes),
        "units": str(found),
        "bytes": len(blob),
        "bound": binomial_tail_inverse(wrong, len(labels.classes), math.log(1 - _CONFIDENCE) - nats),
        "seconds": seconds,
        "processor": processor(),
        "threads": os.environ.get("OMP_NUM_THREADS", str(os.cpu_count())),
        "figure_2": {"steps": watched.steps, "left": watched.left, "information": watched.information},
    }


def _told(row: dict[str, Any]) -> str:
    """What a row's options were, but for the seed."""
    return " ".join((row["net"], *row["options"]))


def text(rows: list[dict[str, Any]], facts: dict[str, Any]) -> str:
    """The tables as Markdown."""
    lines = [
        "# VIBNet's tables, with bytes of files",
        "",
        f"`bench/vibnet.py`; {' and '.join(dict.fromkeys(row['processor'] for row in rows))}, "
        f"{facts['machine']['cores']} cores; "
        f"{', '.join(f'{name} {value}' for name, value in facts['versions'].items())}. r_W and r_N in %, FLOP in "
        "millions of multiply-adds of one example, error in %. Rows with bytes are ours, in files that fresh "
        "processes unpacked; the others are quoted from the poster (Dai et al. 2018). Bound: Occam, binomial tail, "
        "95 %, by the file's bytes.",
    ]
    for table, (title, quoted) in QUOTED.items():
        own = [row for row in rows if row["table"] == table]
        if not own:
            continue
        lines += [
            "",
            f"## Table {table}: {title}",
            "",
            "| method | r_W | r_N | FLOP | error | pruned model | bytes | bound |",
            "|---|---:|---:|---:|---:|---|---:|---:|",
        ]
        lines += [f"| {' | '.join(row)} | | |" for row in quoted]
        lines += [
            f"| **vib**, {_told(row)}, seed {row['seed']} | {100 * row['weights_share']:.2f} | "
            f"{100 * row['activations_share']:.2f} | {row['multiply_adds'] / 1e6:.3f} | "
            f"{100 * row['test_error']:.2f} | {row['units']} | {row['bytes']:,} | {row['bound']:.1%} |"
            for row in own
        ]
        for told in dict.fromkeys(_told(row) for row in own):
            alike = [row for row in own if _told(row) == told]
            if len(alike) == 1:
                continue
            means = [
                np.mean([row[name] for row in alike])
                for name in (
                    "weights_share",
                    "activations_share",
                    "multiply_adds",
                    "test_error",
                    "bytes",
                    "bound",
                )
            ]
            lines.append(
                f"| **mean**, {told} | {100 * means[0]:.2f} | {100 * means[1]:.2f} | {means[2] / 1e6:.3f} | "
                f"{100 * means[3]:.2f} | | {means[4]:,.0f} | {means[5]:.1%} |"
            )
    return "\n".join(lines) + "\n"


def draw(rows: list[dict[str, Any]], path: Path) -> None:
    """Figure 2 of the first seed of each table."""
    from mdlcodec.report.plot import new_figure, png

    figure = new_figure(8.0, 4.6)
    left, told = figure.subplots(1, 2)
    styles = ("-", "--", ":", "-.")
    for row in rows:
        if row["seed"] != min(other["seed"] for other in rows if other["table"] == row["table"]):
            continue
        curve, style = row["figure_2"], styles[row["table"] - 1]
        left.plot(
            curve["steps"],
            [100 * share for share in curve["left"]],
            style,
            label=textwrap.shorten(_told(row), 40),
        )
        told.plot(curve["steps"], curve["information"], style)
    left.set_yscale("log")
    left.set_ylabel("weights left, %")
    told.set_yscale("log")
    told.set_ylabel("1/2 sum log2(1 + alpha), first layer, bits")
    for axes in (left, told):
        axes.set_xlabel("steps")
        axes.grid(alpha=0.3)
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    path.write_bytes(png(figure))


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--tables", nargs="+", type=int, default=[1, 2], choices=list(QUOTED))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--preset", type=int, default=5)
    parser.add_argument("--share", type=float, default=0.25)
    parser.add_argument("--strength", type=float)
    parser.add_argument("--gamma", type=float, nargs="+", help="as encode's, one for each layer with noise")
    parser.add_argument("--bits", type=int, default=BITS, help="as encode's")
    parser.add_argument("--copies", type=int, nargs="+", help="as encode's, one or two")
    parser.add_argument("--moved", type=float, nargs="+", help="as encode's, one or two")
    options = parser.parse_args()
    held = options.output.with_suffix(".json")
    rows = json.loads(held.read_text())["rows"] if held.exists() else []
    facts = {
        "machine": machine(),
        "versions": {name: version(name) for name in ("mdlcodec", "numpy", "torch")},
    }
    for table in options.tables:
        for seed in options.seeds:
            found = measured(table, options, seed)
            print(json.dumps({key: value for key, value in found.items() if key != "figure_2"}), flush=True)
            same = ("table", "net", "seed", "options")
            rows = [other for other in rows if any(other[key] != found[key] for key in same)] + [found]
            held.write_text(json.dumps({**facts, "rows": rows}, indent=1) + "\n")
            options.output.with_suffix(".md").write_text(text(rows, facts))
    draw(rows, options.output.with_name(options.output.name + "_figure_2.png"))


if __name__ == "__main__":
    main()
