"""Figures 1 to 3 of Shwartz-Ziv et al. 2018, with controls, from runs of `mdlcodec.studies.plane`.

    python bench/plane.py plane|batches|depth|channel DATA --work FOLDER -o OUT [--seeds N] [--epochs N] [--batch N]
        [--net NAME] [--optimiser NAME] [--rate R] [--limit N] [--test DATA] [--checkpoints N] [--controls NAME ..]

DATA is ``symmetric`` or what `mdlcodec study plane` takes. OUT.json and the pictures OUT*.png are written; FOLDER
keeps weights and estimates, and the same command goes on from there.

plane: the plane of every estimator and Figure 1a, random labels and full batches beside it. batches: Figure 1b,
where gradients change against where compression starts, for batches of 32 to 1,024. depth: Figure 3, when networks
of 1 to 5 hidden layers have converged. channel: Figure 2, signal to noise and equation 9 of a convolutional
network.

As recorded in bench/results/plane (OUT), from MNIST's folder and from .npz files of CIFAR-10's first 500 images and
100 others (bench/cifar10_arrays.py makes one of all), each with a --work of its own:

    plane symmetric --seeds 5 -o OUT/symmetric
    plane symmetric --seeds 5 --optimiser adam --rate 0.0004 --controls -o OUT/symmetric-adam
    batches symmetric --epochs 300 --checkpoints 25 -o OUT/symmetric-batches
    depth symmetric --seeds 2 --epochs 1000 --checkpoints 30 -o OUT/symmetric-depth
    plane MNIST --limit 5000 --tested 4000 --seeds 1 --checkpoints 20 -o OUT/mnist
    batches MNIST --limit 5000 --tested 2000 --epochs 60 --checkpoints 25 -o OUT/mnist-batches
    depth MNIST --limit 5000 --tested 2000 --epochs 15 --checkpoints 25 -o OUT/mnist-depth
    channel TRAINING.npz --test TEST.npz --net resnet20 --batch 32 --epochs 6 --rate 0.05 --seeds 1
        --checkpoints 9 --controls random-labels -o OUT/cifar10

The paper's own Figure 2, for who has its data and the time (all training and all test images):

    channel CIFAR10.npz --test TEST.npz --net resnet32 --seeds 50 --epochs 160 --batch 128 -o OUT/cifar10-paper
    channel CIFAR100.npz --test TEST.npz --net resnet32 --seeds 50 --epochs 160 --batch 128 -o OUT/cifar100-paper
"""

import argparse
import math
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mdlcodec.report.plane_pictures import MARKERS, control_name, phases_picture, plane_picture
from mdlcodec.report.plane_table import PlaneTable
from mdlcodec.report.plot import new_figure, png
from mdlcodec.report.strict_json import strict_json
from mdlcodec.studies import plane
from mdlcodec.studies.information_plane.transition import start_of_compression
from mdlcodec.studies.information_plane.trends import NEAR, converged, smoothed, spearman, trend
from mdlcodec.studies.information_plane.work import rounded

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
    parser.add_argument("--test", help="test examples, where none are beside DATA")
    parser.add_argument("--tested", type=int, help="of the test examples the first so many")
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

    arrays = arrays_for(chosen.data, chosen.limit, chosen.test)
    same: dict[str, Any] = {
        name: getattr(chosen, name) for name in ("seeds", "epochs", "rate", "optimiser", "activation")
    }
    same |= {"checkpoints": chosen.checkpoints, "jobs": chosen.jobs}
    return plane(
        *arrays[:2],
        *(None if one is None else one[: chosen.tested] for one in arrays[2:]),
        **{**same, "net": chosen.net, "batch": chosen.batch, **other},
        folder=chosen.work / folder,
        progress=lambda text: print(f"{folder}: {text}", file=sys.stderr, flush=True),
    )


def short(table: PlaneTable) -> dict[str, Any]:
    """What is kept of a plane: everything but each path, of which means over seeds are."""
    facts = table.facts()
    del facts["paths"], facts["points"]
    for run in facts["runs"]:
        for of in run.get("layers", {}).values():
            of.pop("exponents", None)
    facts["moments"] = [{k: v for k, v in one.items() if k != "layers"} for one in facts["moments"]]
    facts["means"] = {
        control: {
            name: {
                layer: dict(zip(("ixt", "iyt"), rounded(table.mean(control, layer, name)), strict=True))
                for layer in table.layers
            }
            for name in table.estimators
        }
        for control in table.controls
    }
    facts["compression_from"] = {
        control: {
            name: {
                s.layer: s.compression_from
                for s in table.summaries
                if (s.control, s.estimator) == (control, name)
            }
            for name in table.estimators
        }
        for control in table.controls
    }
    return trimmed(facts)


def trimmed(value: Any) -> Any:
    """The same with 6 significant digits: JSON for people."""
    if isinstance(value, dict):
        return {key: trimmed(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [trimmed(item) for item in value]
    return float(f"{value:.6g}") if isinstance(value, float) and math.isfinite(value) else value


def planes(chosen: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """The plane of every estimator, for each control, and Figure 1a."""
    table = run(chosen, "plane", control=chosen.controls)
    pictures = {f"-{control}" if control else "": plane_picture(table, control) for control in table.controls}
    return short(table), pictures | {"-phases": phases_picture(table)}


def batches(chosen: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Figure 1b: for each batch and seed the transition of the gradients; for each batch where compression
    starts in the last hidden layer, by two estimators."""
    points: list[dict[str, Any]] = []
    for batch in BATCHES:
        table = run(chosen, f"batch-{batch}", batch=batch, estimate=ESTIMATORS)
        steps, layer = table.steps[""], table.layers[-2]
        for name in ESTIMATORS:
            paths = [
                p.ixt for p in table.paths if (p.layer, p.estimator) == (layer, name) and p.ixt is not None
            ]
            start = start_of_compression(paths)
            found = [run["step"] for run in table.runs if run["transition"] is not None]
            points.append(
                {
                    "batch": batch,
                    "estimator": name,
                    "layer": layer,
                    "transition": math.exp(sum(map(math.log, found)) / len(found)) if found else None,
                    "transitions": found,
                    "compression_from": None if start is None else steps[start],
                    "largest_fall": max(sum(p) / len(p) for p in zip(*paths, strict=True))
                    - sum(p[-1] for p in paths) / len(paths),
                }
            )
    trends = {}
    for name in ESTIMATORS:
        own = [p for p in points if p["estimator"] == name and p["compression_from"] and p["transition"]]
        found = spearman([p["compression_from"] for p in own], [p["transition"] for p in own])
        trends[name] = None if found is None else {"rho": found[0], "p": found[1], "batches": len(own)}
    return trimmed({"points": points, "spearman": trends}), {"": batches_picture(points, trends, chosen.data)}


ESTIMATORS = ("authors", "32 bins")


def batches_picture(points: list[dict[str, Any]], trends: dict[str, Any], data: str) -> Any:
    """The transition against where compression starts; batches without compression stand at the right
    edge."""
    from matplotlib.ticker import LogLocator

    figure = new_figure(9.6, 4.2)
    for axes, name in zip(figure.subplots(1, 2, sharey=True), ESTIMATORS, strict=True):
        own = [p for p in points if p["estimator"] == name and p["transition"]]
        there = [p["compression_from"] for p in own if p["compression_from"]]
        edge = 3 * max([*there, *(p["transition"] for p in own)])
        for number, point in enumerate(own):
            start = point["compression_from"]
            axes.plot(
                edge if start is None else start,
                point["transition"],
                MARKERS[number],
                color="white" if start is None else "black",
                markeredgecolor="black",
                markersize=8,
                label=f"batch {point['batch']:,}" + (": none" if start is None else ""),
            )
        low = min([*there, *(p["transition"] for p in own)])
        axes.plot([low, edge / 3], [low, edge / 3], ":", color="0.5")
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xlabel("start of compression, step (hollow: none)")
        found = trends[name]
        said = (
            "too few for a rank correlation"
            if found is None
            else f"rho {found['rho']:.2f}, p {found['p']:.2f}"
        )
        axes.set_title(f"{Path(data).name}, {name}: {said}", fontsize=10)
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter("{x:,.0f}")
            axis.set_minor_locator(LogLocator(subs=(2, 5)))
            axis.set_minor_formatter("{x:,.0f}")
        axes.grid(alpha=0.25)
        axes.legend(fontsize=8, loc="lower left")
    figure.axes[0].set_ylabel("transition of the gradients, step")
    return figure


def depth(chosen: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Figure 3: when networks of 1 to 5 hidden layers are within 5 % of the worst one's best test loss."""
    widths = (chosen.net or ("10-7-5-4-3" if chosen.data == "symmetric" else "500-250-100-50-20")).split("-")
    tables = [run(chosen, f"depth-{k}", net="-".join(widths[:k]), estimate=()) for k in DEPTHS]
    losses = [
        [[moment.test_loss for moment in table.of("", seed)] for seed in range(chosen.seeds)]
        for table in tables
    ]
    best = [sum(min(smoothed(seed)) for seed in own) / len(own) for own in losses]
    target = NEAR * max(best)
    times = [
        [converged(table.steps[""], seed, target) for seed in own]
        for table, own in zip(tables, losses, strict=True)
    ]
    steps = tables[0].steps[""]
    found = trend([[time for time in own if time is not None] for own in times], steps[-1] / steps[-2])
    diffusion = [
        [
            run["diffusion"] and {key: run["diffusion"][key] for key in ("alpha", "error", "better")}
            for run in table.runs
            if "diffusion" in run
        ]
        for table in tables
    ]
    told = None if found is None else asdict(found) | {"there": found.there, "alpha": found.alpha}
    if found is not None and told is not None:
        told["alpha_interval"] = found.alpha_interval
    facts = {
        "widths": widths,
        "best": best,
        "target": target,
        "times": times,
        "trend": told,
        "diffusion": diffusion,
    }
    return trimmed(facts), {"": depth_picture(times, found, chosen.data)}


def depth_picture(times: list[list[int | None]], found: Any, data: str) -> Any:
    """Steps to converge against K."""
    figure = new_figure(5.6, 4.0)
    axes = figure.subplots()
    for k, own in zip(DEPTHS, times, strict=True):
        there = [time for time in own if time is not None]
        axes.plot([k] * len(there), there, "ko", fillstyle="none")
        if there:
            axes.plot([k], [math.exp(sum(map(math.log, there)) / len(there))], "k_", markersize=18)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xticks(DEPTHS, [str(k) for k in DEPTHS])
    axes.xaxis.set_minor_formatter("")
    axes.yaxis.set_major_formatter("{x:,.0f}")
    axes.yaxis.set_minor_formatter("{x:,.0f}")
    axes.set_xlabel("hidden layers K")
    axes.set_ylabel("steps until the test loss stays near")
    if found is None:
        said = "too few converged"
    elif not found.there:
        said = f"no trend: slope {found.slope:.2f}, 95 % {found.low:.2f} to {found.high:.2f}"
    else:
        low, high = found.alpha_interval
        said = f"alpha = -1/slope = {found.alpha:.2f}, 95 % {low:.2f} to {high:.2f}"
    axes.set_title(f"{Path(data).name}: {said}", fontsize=10)
    axes.grid(alpha=0.25)
    return figure


def channel(chosen: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Figure 2: signal to noise of the gradients and equation 9 of a layer in the middle."""
    table = run(chosen, "channel", control=chosen.controls, estimate=())
    names = list(table.moments[0].layers)
    layer = names[len(names) // 2]
    curves = []
    for control in table.controls:
        seeds = sorted({moment.seed for moment in table.moments if moment.control == control})
        for seed in seeds:
            own = table.of(control, seed)
            after = next(r for r in table.runs if (r["control"], r["seed"]) == (control, seed))
            bounds = (
                after["layers"][layer]
                if after["transition"] is not None
                else {"bound": [], "determinant": []}
            )
            curves.append(
                {
                    "control": control,
                    "seed": seed,
                    "layer": layer,
                    "steps": [moment.step for moment in own],
                    "signal_to_noise": [moment.layers[layer]["signal_to_noise"] for moment in own],
                    "test_error": [moment.test_error for moment in own],
                    "digests": [moment.digest for moment in own],
                    "transition": after.get("step"),
                    "after": [after["step"] + time for time in after["times"]] if bounds["bound"] else [],
                    "bound": bounds["bound"],
                    "determinant": bounds["determinant"],
                }
            )
    facts = {"settings": dict(table.settings), "curves": curves}
    return trimmed(facts), {"": channel_picture(curves, chosen)}


def channel_picture(curves: list[dict[str, Any]], chosen: Any) -> Any:
    """Both against steps, log-log."""
    figure = new_figure(9.6, 4.0)
    ratio, bound = figure.subplots(1, 2)
    for curve in curves:
        style = {"": "-", "random-labels": "--", "full-batch": ":"}[curve["control"]]
        label = control_name(curve["control"]) if curve["seed"] == 0 else None
        ratio.plot(curve["steps"][1:], curve["signal_to_noise"][1:], style, color="black", label=label)
        bound.plot(curve["after"], curve["determinant"], style, color="black", label=label)
    for axes, what in ((ratio, "signal to noise of the gradients"), (bound, "equation 9, bits")):
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xlabel("step")
        axes.set_ylabel(what)
        axes.grid(alpha=0.25)
        axes.legend(fontsize=9)
    ratio.set_title(f"{chosen.net}, {curves[0]['layer']}", fontsize=10)
    return figure


if __name__ == "__main__":
    main()
