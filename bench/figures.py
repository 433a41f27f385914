"""Figures 1 to 3 of Blier & Ollivier 2018, drawn from runs of the program's own predictors and codes.

    python bench/figures.py 1 --data DATA -o bench/results/figure_1 [--curves "true labels" "fake labels, NET" ..]
    python bench/figures.py 2 --data DATA -o bench/results/figure_2 [--curves mlp cnn kernel:4000 vggb ..]
    python bench/figures.py 3 --data DATA -o bench/results/figure_3 [--curves prequential switching]
                              [--limit N] [--preset P] [--seed N]

DATA is what `mdlcodec encode` takes. Each run writes OUT.json, which holds the curves, and OUT.png; curves of the
same data and settings that are in OUT.json already are not run again.

Figure 1: KL + expected loss of all labels, and the KL alone, while the variational code trains its posterior of the
network that is named, or of its own choice; fake labels are the same ones in a random order; the paper's network is
mlp-200-200-200. Figures 2 and 3: a curve is a code (prequential, switching) or a network of the prequential code
(mlp, cnn, kernel, the paper's shallow, tiny-cnn, vgga and vggb), with :N of the first N examples alone; lengths are
ideal, -sum log2 p.

Small runs, of some minutes:

    python bench/figures.py 1 --data digits --preset 1 -o /tmp/figure_1
    python bench/figures.py 2 --data digits --preset 2 -o /tmp/figure_2
    python bench/figures.py 2 --data MNIST --limit 2000 --preset 2 -o /tmp/figure_2
    python bench/figures.py 2 --data CIFAR --limit 5000 --preset 1 -o /tmp/figure_2 --curves mlp tiny-cnn shallow
    python bench/figures.py 3 --data MNIST --limit 2000 --preset 1 -o /tmp/figure_3 --curves mlp kernel switching
"""

import argparse
import json
import math
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from machine import machine

import mdlcodec
from mdlcodec import data
from mdlcodec.codes import CODES
from mdlcodec.codes.variational import VariationalCode
from mdlcodec.data import Dataset, Inputs, Labels
from mdlcodec.exact.guard import sender_alone
from mdlcodec.files import labels as label_files
from mdlcodec.files.curves import Curve
from mdlcodec.files.runs import telling
from mdlcodec.observe.contract import Moment
from mdlcodec.report.comparison import dataset_digest
from mdlcodec.report.plot import new_figure, png, require_matplotlib
from mdlcodec.sender.efforts import VARIATIONAL
from mdlcodec.sender.loop import Trainer
from mdlcodec.sender.task import Task
from mdlcodec.sender.variational import LABELS, PosteriorTraining

_POINTS = 100  # of a curve of figure 1


def main(arguments: list[str] | None = None) -> None:
    """Run what is missing, and draw."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("figure", choices=list(_FIGURES))
    parser.add_argument("--data", required=True)
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--curves", nargs="*")
    parser.add_argument("--limit", type=int)
    parser.add_argument("--preset", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(arguments)
    require_matplotlib()
    figure = _FIGURES[given.figure]
    dataset = data.read(given.data, limit=given.limit)
    assert dataset.labels is not None
    settings = {
        "mdlcodec": mdlcodec.__version__,
        "data": Path(given.data).name,
        "digest": dataset_digest(dataset)[:16],
        "labels": dataset.labels.n,
        "classes": len(dataset.labels.values),
        "preset": given.preset,
        "seed": given.seed,
    }
    path = given.out.with_suffix(".json")
    curves = _known(path, settings)
    names = figure.curves if given.curves is None else given.curves
    for name in names:
        if name in curves:
            continue
        print(f"{name} ...", file=sys.stderr, flush=True)
        curve = figure.run(dataset, name, given.preset, given.seed)
        versions = {module: version(module) for module in ("numpy", "numba", "torch")}
        curves[name] = curve | {"machine": machine(), "versions": versions}
        results = {"settings": settings, "curves": curves}
        path.write_text(json.dumps(results, indent=1) + "\n")
    given.out.with_suffix(".png").write_bytes(figure.draw({name: curves[name] for name in names}, settings))


def _known(path: Path, settings: dict[str, Any]) -> dict[str, Any]:
    """The curves of an earlier run with these settings."""
    if not path.exists():
        return {}
    results = json.loads(path.read_text())
    return results["curves"] if results["settings"] == settings else {}


def _say(done: int, labels: int, bits: float) -> None:
    if sys.stderr.isatty():
        print(f"\r{done:,} of {labels:,} labels, {bits:,.0f} bits ", end="", file=sys.stderr, flush=True)


def _first(dataset: Dataset, limit: int) -> Dataset:
    """The first examples; their features are those that they have among all."""
    inputs, labels = dataset.inputs, dataset.labels
    assert labels is not None
    return Dataset(
        Inputs(inputs.features[:limit], inputs.digest),
        Labels(labels.classes[:limit], labels.values, labels.form),
    )


def _run_variational(dataset: Dataset, name: str, preset: int, seed: int) -> dict[str, Any]:
    """Steps, and bits of KL and expected loss after them, at most some hundred times."""
    labels, code = dataset.labels, VariationalCode()
    assert labels is not None
    classes, k = labels.classes, len(labels.values)
    which, _, net = name.partition(", ")
    if which == "fake labels":
        classes = np.random.default_rng(seed).permutation(classes)
    chosen = code.settings(net or "auto", preset, seed, dataset.inputs, labels.target)
    architecture = code.architecture(chosen)
    found: dict[str, Any] = {"net": architecture.name, "steps": [], "divergence_bits": [], "loss_bits": []}

    task = Task.of(architecture, dataset.inputs.features, classes, k, seed=seed)
    with sender_alone():
        phase = PosteriorTraining(task, VARIATIONAL[preset], LABELS)
        every = max(1, phase.steps // _POINTS)

        def record(done: int) -> None:
            objective = phase.objective
            generator = objective.posterior.generator
            state = generator.get_state()  # the training goes on as if nobody looked
            divergence = float(objective.posterior.divergence().double().sum())
            found["steps"].append(done)
            found["divergence_bits"].append(round(divergence / math.log(2), 1))
            found["loss_bits"].append(round(objective.expected_loss() / math.log(2), 1))
            generator.set_state(state)

        def watch(moment: Moment) -> None:
            if moment.done % every == 0 or moment.done == phase.steps:
                record(moment.done)

        record(0)
        Trainer(task, (watch,)).run(phase)
    return found


def _draw_variational(curves: dict[str, Any], settings: dict[str, Any]) -> bytes:
    """As the paper's Figure 1: the whole length, and the part of it that the weights take."""
    figure = new_figure()
    axes = figure.subplots()
    for colour, (name, found) in enumerate(curves.items()):
        divergence, loss = np.array(found["divergence_bits"]), np.array(found["loss_bits"])
        steps = found["steps"]
        axes.plot(steps, (divergence + loss) / 1000, color=f"C{colour}", label=f"{name}: KL + expected loss")
        axes.plot(steps, divergence / 1000, color=f"C{colour}", linestyle=":", label=f"{name}: KL")
    uniform = settings["labels"] * math.log2(settings["classes"]) / 1000
    axes.axhline(uniform, color="black", linestyle="--", label="uniform")
    axes.set_ylim(0, 3 * uniform)
    axes.set_xlabel("steps of training")
    axes.set_ylabel("kbit")
    axes.grid(alpha=0.3)
    axes.legend()
    figure.suptitle(_title(settings))
    return png(figure)


def _run_prequential(dataset: Dataset, name: str, preset: int, seed: int) -> dict[str, Any]:
    """Samples, bits and right predictions so far, at the points that are drawn."""
    name, _, limit = name.partition(":")
    examples = _first(dataset, int(limit)) if limit else dataset
    code, net = (name, "auto") if name in CODES else ("prequential", name)
    _, run = label_files.encode(examples, code=code, net=net, preset=preset, seed=seed, watch=telling(_say))
    assert run.curve is not None
    curve = run.curve.in_packs()
    assert curve.mistakes is not None
    return {
        "samples": curve.labels.tolist(),
        "bits": [round(bits, 3) for bits in curve.bits.tolist()],
        "right": (curve.labels - curve.mistakes).tolist(),
    }


def _draw_prequential(curves: dict[str, Any], settings: dict[str, Any]) -> bytes:
    """The paper's four panels against samples seen."""
    uniform = math.log2(settings["classes"])
    figure = new_figure(9.0, 6.5)
    per_sample, difference, accuracy, ratio = figure.subplots(2, 2, sharex=True).ravel()
    for name, found in curves.items():
        samples, bits, right = (np.array(found[part]) for part in ("samples", "bits", "right"))
        curve = Curve(samples, bits, samples - right)
        per_sample.plot(samples, curve.bits_a_label(), label=name)
        difference.plot(samples, bits - samples * uniform)
        accuracy.plot(samples, curve.accuracy())
        ratio.plot(samples, bits / (samples * uniform))
    levels = (uniform, 0.0, 1 / settings["classes"], 1.0)
    for axes, level in zip((per_sample, difference, accuracy, ratio), levels, strict=True):
        axes.axhline(level, color="black", linestyle="--", label="uniform")
        axes.set_xscale("log")
        axes.grid(alpha=0.3)
    per_sample.set_ylabel("bits per sample, next pack")
    difference.set_ylabel("bits more than uniform")
    difference.set_yscale("symlog", linthresh=10.0)
    accuracy.set_ylabel("accuracy, next pack")
    ratio.set_ylabel("compression ratio")
    for axes in (accuracy, ratio):
        axes.set_xlabel("samples seen")
    per_sample.legend()
    figure.suptitle(_title(settings))
    return png(figure)


def _title(settings: dict[str, Any]) -> str:
    labels, preset, seed = (settings[name] for name in ("labels", "preset", "seed"))
    return f"{settings['data']}: {labels:,} labels, preset {preset}, seed {seed}"


@dataclass(frozen=True)
class _Figure:
    """Which curves it has, how one of them is run (data, name, preset, seed), and how they are drawn."""

    curves: list[str]
    run: Callable[[Dataset, str, int, int], dict[str, Any]]
    draw: Callable[[dict[str, Any], dict[str, Any]], bytes]


_FIGURES = {
    "1": _Figure(["true labels", "fake labels"], _run_variational, _draw_variational),
    "2": _Figure(["mlp", "cnn", "kernel:4000"], _run_prequential, _draw_prequential),
    "3": _Figure(["prequential", "switching"], _run_prequential, _draw_prequential),
}


if __name__ == "__main__":
    main()
