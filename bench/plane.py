"""Figures 1 to 3 of Shwartz-Ziv et al. 2018, with controls, from runs of `mdlcodec.studies.plane`.

python bench/plane.py plane DATA  --work FOLDER -o OUT [--seeds N] [--epochs N] [--optimiser NAME] [--limit N]
python bench/plane.py batches DATA --work FOLDER -o OUT [--seeds N] [--epochs N] [--limit N] python
bench/plane.py depth DATA  --work FOLDER -o OUT [--seeds N] [--epochs N] [--limit N] python bench/plane.py
channel DATA --net resnet20 --work FOLDER -o OUT [--limit N] [--epochs N] [--batch N]

DATA is ``symmetric`` or what `mdlcodec study plane` takes. OUT.json and the pictures OUT-*.png are written;
FOLDER keeps weights and estimates, and the same command goes on from there.

plane: the plane of every estimator and Figure 1a, random labels and full batches beside it. batches: Figure
1b, where gradients change against where compression starts, for batches of 32 to 1,024. depth: Figure 3, when
networks of 1 to 5 hidden layers have converged. channel: Figure 2, signal to noise and equation 9 of a
convolutional network.

The paper's own Figure 2, for who has its data and the time:

python bench/plane.py channel CIFAR10 --net resnet32 --seeds 50 --epochs 160 --batch 128 --work c10 -o c10
python bench/plane.py channel CIFAR100 --net resnet32 --seeds 50 --epochs 160 --batch 128 --work c100 -o c100
"""

import argparse
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mdlcodec.report.plane_table import PlaneTable
from mdlcodec.report.plot import png
from mdlcodec.report.strict_json import strict_json
from mdlcodec.studies import plane
from mdlcodec.studies.information_plane.study import rounded

BATCHES = (32, 64, 128, 256, 512, 1024)
DEPTHS = (1, 2, 3, 4, 5)
CONTROLS = ("random-labels", "full-batch")


def main(arguments: list[str] | None = None) -> None:
    """Run what is missing, and draw."""
    chosen = parsed(arguments)
    facts, pictures = {"plane": planes, "batches": batches, "depth": depth, "channel": channel}[chosen.what](
        chosen
    )
    chosen.output.parent.mkdir(parents=True, exist_ok=True)
    write(chosen.output.with_name(chosen.output.name + ".json"), strict_json(facts).encode() + b"\n")
    for name, figure in pictures.items():
        write(chosen.output.with_name(f"{chosen.output.name}{name}.png"), png(figure))


def parsed(arguments: list[str] | None) -> Any:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=["plane", "batches", "depth", "channel"])
    parser.add_argument("data")
    parser.add_argument("--net")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--batch", type=int)
    parser.add_argument("--rate", type=float)
    parser.add_argument("--optimiser", default="sgd")
    parser.add_argument("--activation", default="tanh")
    parser.add_argument("--limit", type=int)
    parser.add_argument("--checkpoints", type=int, default=30)
    parser.add_argument("--jobs", type=int)
    parser.add_argument("--controls", nargs="*", default=CONTROLS)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("-o", "--output", type=Path, required=True)
    return parser.parse_args(arguments)


def write(path: Path, blob: bytes) -> None:
    """A file, and its name on stdout."""
    path.write_bytes(blob)
    print(f"{path}: {len(blob):,} bytes", flush=True)


def run(chosen: Any, folder: str, **other: Any) -> PlaneTable:
    """A plane of the data."""
    from mdlcodec.cli.study_plane import arrays_for

    same = {name: getattr(chosen, name) for name in ("seeds", "epochs", "rate", "optimiser", "activation")}
    same |= {"checkpoints": chosen.checkpoints, "jobs": chosen.jobs}
    return plane(
        *arrays_for(chosen.data, chosen.limit),
        **{**same, "net": chosen.net, "batch": chosen.batch, **other},
        folder=chosen.work / folder,
        progress=lambda text: print(f"{folder}: {text}", file=sys.stderr, flush=True),
    )
