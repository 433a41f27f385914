"""Pictures of a study of the information plane: the plane itself, and Figure 1a of Shwartz-Ziv et al.
2018."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mdlcodec.report.plane_records import SATURATED, PlaneRecords

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MARKERS = "osD^vP*X<>"
_COLUMNS = 4
_BEFORE_ONE = 0.5  # where step 0 stands on a logarithmic axis
PLANE_CAPTION = (
    "Each panel is one estimator, each path a layer, mean over seeds, from a small to a large marker. Hollow: "
    "within 0.1 bit of log2 n (dotted), where the estimate says how many examples there were and nothing else. "
    "The true I(X;T) of a deterministic network is constant or infinite: bins and kernels measure how its values "
    "cluster. By file: bits a label that a decoded file proves of examples that were not trained on; it is "
    "information that can be used, which may rise from layer to layer."
)
CHANNEL_CAPTION = (
    "Equation 9 bounds what a Gaussian channel carries that counts the weights' diffusion as noise, not the binned "
    "I(X;T) of a network with fixed weights; it falls whenever the weights move, which is why the controls are "
    "drawn beside it. Theorem 1: T was learned from the sample, so nothing is proved; it is drawn because the "
    "paper claims it."
)


def control_name(control: str) -> str:
    """For people."""
    return control.replace("-", " ") or "true labels"


def _colours(count: int) -> list[Any]:
    """From dark to light, which grey keeps apart."""
    from matplotlib import colormaps

    return [colormaps["viridis"](0.88 * i / max(1, count - 1)) for i in range(count)]


def plane_picture(table: PlaneRecords, control: str = "") -> Figure:
    """I(T;Y) against I(X;T), a panel for each estimator. Raises MdlcodecError where matplotlib is missing."""
    from mdlcodec.report.plot import new_figure

    names = table.estimators
    rows = -(-(len(names) + 1) // _COLUMNS)
    figure = new_figure(13.0, 3.3 * rows)
    panels = figure.subplots(rows, _COLUMNS, squeeze=False).reshape(-1)
    for panel, name in zip(panels, names, strict=False):
        _panel(panel, table, control, name)
    for panel in panels[len(names) :]:
        panel.axis("off")
    handles, labels = panels[0].get_legend_handles_labels()
    panels[len(names)].legend(handles, labels, loc="center", fontsize=11, title=control_name(control))
    return figure


def _panel(axes: Axes, table: PlaneRecords, control: str, estimator: str) -> None:
    steps, ceiling = table.steps[control], None
    for number, (layer, colour) in enumerate(zip(table.layers, _colours(len(table.layers)), strict=True)):
        ixt, iyt = table.mean(control, layer, estimator)
        first = next(p for p in table.paths if (p.layer, p.estimator) == (layer, estimator))
        marker = MARKERS[number % len(MARKERS)]
        x = _on_log(steps) if ixt is None else ixt
        axes.plot(x, iyt, "-", color=colour, linewidth=1.0, zorder=2)
        ceiling = None if ixt is None else first.ceiling
        full = [ceiling is not None and value > ceiling - SATURATED for value in x]
        sizes = [8 + 40 * i / max(1, len(x) - 1) for i in range(len(x))]
        for hollow in (False, True):
            chosen = [i for i in range(len(x)) if full[i] == hollow]
            axes.scatter(
                [x[i] for i in chosen],
                [iyt[i] for i in chosen],
                [sizes[i] for i in chosen],
                marker=marker,
                facecolors="white" if hollow else [colour],
                edgecolors=[colour],
                linewidths=0.8,
                zorder=3,
            )
        axes.plot([], [], f"{marker}-", color=colour, label=layer)
    axes.axhline(table.label_entropy, color="0.6", linewidth=0.8, label="H(Y)")
    if ceiling is None:
        axes.set_xscale("log")
        axes.set_xlabel("step (0 at the left edge)")
        axes.axhline(0.0, color="0.6", linewidth=0.8)
    else:
        axes.axvline(ceiling, color="0.3", linestyle=":", linewidth=1.4)
        if table.curve and not control:
            xs, ys = zip(*table.curve, (ceiling, table.curve[-1][1]), strict=True)
            axes.plot(xs, ys, "k--", linewidth=1.0)
        axes.set_xlabel("I(X;T), bits")
        axes.set_xlim(-0.3, ceiling + 0.5)
        axes.set_ylim(-0.04 * table.label_entropy, 1.06 * table.label_entropy)
    axes.plot([], [], "k:", label="log2 n")
    if table.curve and not control:
        axes.plot([], [], "k--", label="bottleneck limit")
    axes.set_ylabel("I(T;Y), bits")
    axes.set_title(estimator, fontsize=11)
    axes.grid(alpha=0.25)


def _on_log(steps: Sequence[int]) -> list[float]:
    return [max(_BEFORE_ONE, float(step)) for step in steps]


def phases_picture(table: PlaneRecords, layer: int = -2) -> Figure:
    """Figure 1a for a layer, by its number among those looked at: a column for each control. Norms of weights
    and signal to noise of gradients above; I(X;T) by three estimators, equation 9 and the gap with Theorem 1
    below."""
    from mdlcodec.report.plot import new_figure

    figure = new_figure(4.6 * len(table.controls) + 0.6, 9.0)
    panels = figure.subplots(3, len(table.controls), squeeze=False, sharex="col", sharey="row")
    for column, control in enumerate(table.controls):
        above, middle, below = panels[:, column]
        _weights(above, table, control)
        _information(middle, table, control, layer)
        _gap(below, table, control, layer)
        above.set_title(control_name(control), fontsize=11)
        below.set_xlabel("step")
    for row in panels:
        row[0].legend(fontsize=8.5)
    return figure


def _seeds(table: PlaneRecords, control: str) -> list[int]:
    return sorted({moment.seed for moment in table.moments if moment.control == control})


def _weights(axes: Axes, table: PlaneRecords, control: str) -> None:
    own = [table.of(control, seed) for seed in _seeds(table, control)]
    steps = table.steps[control]
    curves = (
        ("|W(t)|", "norm", "-", "0.55"),
        ("|W(t) - W(0)|", "moved", "-", "black"),
        ("signal to noise of gradients", "signal_to_noise", "--", "tab:red"),
    )
    for label, name, style, colour in curves:
        values = [_mean([getattr(run[i], name) for run in own]) for i in range(len(steps))]
        axes.plot(steps[1:], values[1:], style, color=colour, label=label)
    for run in table.runs:
        if run["control"] == control and run["transition"] is not None:
            axes.axvline(run["step"], color="0.4", linestyle=":", linewidth=1.0)
    axes.plot([], [], ":", color="0.4", label="transition, each seed")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.grid(alpha=0.25)
    axes.set_ylabel("norm; ratio")


def _information(axes: Axes, table: PlaneRecords, control: str, layer: int) -> None:
    steps = table.steps[control]
    styles = (("authors", "-", "black"), ("32 bins", "--", "tab:blue"), ("noisy network", "-.", "tab:green"))
    for name, style, colour in styles:
        if name in table.estimators:
            ixt, _ = table.mean(control, table.layers[layer], name)
            assert ixt is not None
            axes.plot(steps[1:], ixt[1:], style, color=colour, label=f"I(X;T), {name}")
    weights = list(table.moments[0].layers)[layer]
    for run in table.runs:
        if run["control"] == control and run["transition"] is not None and run["times"]:
            at = [run["step"] + time for time in run["times"]]
            axes.plot(at, run["layers"][weights]["determinant"], "-", color="tab:red", linewidth=0.9)
            predicted = run["layers"][weights].get("predicted")
            if predicted is not None:
                axes.plot(at, predicted, ":", color="tab:red", linewidth=1.3)
    axes.plot([], [], "-", color="tab:red", label="equation 9 (determinant), each seed")
    axes.plot([], [], ":", color="tab:red", label="equation 10, each seed")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.grid(alpha=0.25)
    axes.set_ylabel(f"bits, {table.layers[layer] if table.layers else weights}")


def _gap(axes: Axes, table: PlaneRecords, control: str, layer: int) -> None:
    steps, layers = table.steps[control], table.layers[layer:][:1]
    own = [table.of(control, seed) for seed in _seeds(table, control)]
    gaps = [_mean([run[i].gap ** 2 for run in own]) for i in range(len(steps))]
    axes.plot(
        steps[1:], [max(gap, 1e-7) for gap in gaps[1:]], "-", color="black", label="(training - test error)^2"
    )
    for name, style, colour in (("authors", "--", "tab:blue"), ("noisy network", "-.", "tab:green")):
        paths = [p for p in table.paths if (p.control, p.estimator) == (control, name) and p.layer in layers]
        bounds = [p.gap_bound for p in paths if p.gap_bound is not None]
        if bounds:
            means = [_mean(column) for column in zip(*bounds, strict=True)]
            axes.plot(steps[1:], means[1:], style, color=colour, label=f"Theorem 1, {name}")
    axes.axhline(1.0, color="0.4", linewidth=0.8)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.grid(alpha=0.25)
    axes.set_ylabel("squared gap (above 1: vacuous)")


def _mean(values: Sequence[float]) -> float:
    finite = [value for value in values if math.isfinite(value)]
    return sum(finite) / len(finite) if finite else math.nan
