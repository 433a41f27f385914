"""Speed of exact training against plain float32 torch, in one run: whole steps, single products, peaks.

    python bench/engines.py [--threads N] [--repeats N] [--quick] [--json FILE] [-o bench/results/engines]

A step is forward, backward and optimiser (Adam) of a built-in network at its preset's batch size; float32 is
the same architecture in torch.nn, in its faster memory layout and with its faster Adam. Measurements
alternate (A B A B ...) and medians are reported; ``training_step_ratio`` is exact seconds / float32 seconds.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numba
import numpy as np
import torch
from machine import processor

from mdlcodec.exact import engines
from mdlcodec.exact.choice import chosen_arithmetic
from mdlcodec.exact.integers import DIGITS
from mdlcodec.exact.linear import Arithmetic
from mdlcodec.exact.optimisers import Adam
from mdlcodec.exact.random import Stream
from mdlcodec.nn import nodes
from mdlcodec.nn.exact_training import Network
from mdlcodec.nn.graph import Graph, channels_first, sequence
from mdlcodec.nn.node import Node, Shape
from mdlcodec.predictors.cnn import recipe_for
from mdlcodec.predictors.presets import DEFAULT_PRESET

SEED = 0
MLP = sequence(nodes.Linear(300), nodes.Rectify(), nodes.Linear(100), nodes.Rectify(), nodes.Linear(10))
# (N, H, W, C), outputs, kernel
CONVOLUTIONS = [
    ((128, 8, 8, 128), 256, 3),
    ((128, 14, 14, 32), 32, 3),
    ((64, 14, 14, 32), 64, 3),
    ((64, 28, 28, 16), 16, 3),
    ((64, 7, 7, 64), 64, 3),
    ((32, 14, 14, 4), 16, 3),
    ((32, 32, 32, 16), 32, 3),
    ((128, 16, 16, 64), 64, 1),
]
# (N, inputs), outputs
PRODUCTS = [((128, 784), 300), ((128, 300), 100), ((512, 512), 512), ((1024, 1024), 1024), ((64, 64), 10)]


def _alternating(calls: list[Callable[[], object]], repeats: int) -> list[float]:
    """Median seconds of each call, measured in turn; a measurement lasts about 20 ms or one call."""
    counts = []
    for call in calls:
        call()
        start = time.perf_counter()
        call()
        counts.append(max(1, int(0.02 / max(1e-6, time.perf_counter() - start))))
    times: list[list[float]] = [[] for _ in calls]
    for _ in range(repeats):
        for call, count, kept in zip(calls, counts, times, strict=True):
            start = time.perf_counter()
            for _ in range(count):
                call()
            kept.append((time.perf_counter() - start) / count)
    return [statistics.median(kept) for kept in times]


def _torch_module(node: Node, shape: Shape) -> torch.nn.Module:
    """The float32 module of an exact node whose input has that shape, (c, h, w) or (d,)."""
    if isinstance(node, nodes.Linear):
        assert node.width is not None
        return torch.nn.Linear(shape[0], node.width)
    if isinstance(node, nodes.Convolution):
        return torch.nn.Conv2d(
            shape[0], node.channels, node.kernel, node.stride, padding=node.padding, bias=node.bias
        )
    if isinstance(node, nodes.Normalisation):
        return torch.nn.BatchNorm2d(shape[0]) if len(shape) == 3 else torch.nn.BatchNorm1d(shape[0])
    if isinstance(node, nodes.Dropout):
        return torch.nn.Dropout(1 - node.keep / 65536)
    if isinstance(node, nodes.MaxPooling):
        return torch.nn.MaxPool2d(node.kernel, node.stride)
    plain = {
        nodes.Rectify: lambda: torch.nn.ReLU(inplace=True),
        nodes.Fold: lambda: torch.nn.PixelUnshuffle(2),
        nodes.Flatten: torch.nn.Flatten,
    }
    return plain[type(node)]()


def _entering(x: np.ndarray) -> Shape:
    """The shape of an example of (N, H, W, C) or (N, d) as graphs have it."""
    return channels_first(x.shape[1:])


def _float32_step(
    graph: Graph, x: np.ndarray, y: np.ndarray, channels_last: bool, fused: bool
) -> Callable[[], object]:
    """Of a graph without branches."""
    torch.manual_seed(SEED)
    modules = [_torch_module(vertex.node, shapes[0]) for vertex, shapes in graph.entering(_entering(x))]
    model = torch.nn.Sequential(*modules)
    inputs, classes = torch.from_numpy(x), torch.from_numpy(y)
    if inputs.dim() == 4:
        inputs = inputs.permute(0, 3, 1, 2).contiguous()
        if channels_last:
            model = model.to(memory_format=torch.channels_last)
            inputs = inputs.to(memory_format=torch.channels_last)
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-3, fused=fused)

    def step() -> None:
        optimiser.zero_grad()
        torch.nn.functional.cross_entropy(model(inputs), classes).backward()
        optimiser.step()

    return step


def _exact_step(graph: Graph, x: np.ndarray, y: np.ndarray, engine: str) -> Callable[[], object]:
    arithmetic = Arithmetic(engines.ENGINES[engine])
    network = Network(graph, _entering(x), arithmetic, Stream(SEED, 1), Stream(SEED, 2))
    optimiser = Adam(network.weights)

    def step() -> None:
        _, gradient, _ = network.gradient(x, y, 0.0)
        optimiser.step(network.weights, gradient, 1e-3, 0.0)

    return step


def steps(repeats: int, quick: bool) -> list[dict[str, object]]:
    """Whole training steps."""
    networks = {"mlp 784-300-100-10": (MLP, (784,), 128)}
    for preset in (DEFAULT_PRESET,) if quick else (3, DEFAULT_PRESET, 9):
        recipe = recipe_for((1, 28, 28), 10, preset)
        networks[f"cnn -{preset}" + (" (default)" if preset == DEFAULT_PRESET else "")] = (
            recipe.graph,
            (28, 28, 1),
            recipe.batch,
        )
    rows = []
    random = np.random.default_rng(SEED)
    for name, (graph, shape, batch) in networks.items():
        x = random.normal(size=(batch, *shape)).astype(np.float32)
        y = random.integers(0, 10, batch)
        variants = [
            (last, fused)
            for last in ((False, True) if len(shape) == 3 else (False,))
            for fused in (False, True)
        ]
        trial = [_float32_step(graph, x, y, *variant) for variant in variants]
        best = int(np.argmin(_alternating(trial, 5)))
        names = [chosen_arithmetic().engine.name] if quick else list(engines.ENGINES)
        calls = [_exact_step(graph, x, y, engine) for engine in names]
        float32, *exact = _alternating([trial[best], *calls], repeats)
        layout, fused = variants[best]
        rows.append(
            {
                "network": name,
                "batch": batch,
                "float32_seconds": float32,
                "float32_layout": "channels last" if layout else "contiguous",
                "float32_adam": "fused" if fused else "foreach",
                **{f"{engine}_seconds": seconds for engine, seconds in zip(names, exact, strict=True)},
                "ratio": exact[names.index(chosen_arithmetic().engine.name)] / float32,
            }
        )
    return rows


def products(repeats: int, quick: bool) -> list[dict[str, object]]:
    """Single convolutions and matrix products, forward and backward."""
    rows = []
    random = np.random.default_rng(SEED)
    cases = [(shape, outputs, kernel) for shape, outputs, kernel in CONVOLUTIONS]
    cases += [((n, 1, 1, inputs), outputs, 1) for (n, inputs), outputs in PRODUCTS]
    for shape, outputs, kernel in cases[:1] if quick else cases:
        x = random.normal(size=shape).astype(np.float32)
        w = random.normal(size=(outputs, kernel, kernel, shape[3])).astype(np.float32)
        bias, linear = np.zeros(outputs, np.float32), shape[1] == 1
        g = random.normal(size=(*shape[:3], outputs)).astype(np.float32)

        def exact(engine: engines.Engine, x=x, w=w, bias=bias, g=g) -> None:
            _, saved = engine.forward(x, w, bias, w.shape[1] // 2, DIGITS)
            engine.backward(saved, g, True)

        def float32(
            layout: torch.memory_format, x=x, w=w, bias=bias, g=g, linear=linear
        ) -> Callable[[], object]:
            tensors = [torch.from_numpy(a) for a in (x, w, g)]
            if linear:
                xt, wt, gt = (t.reshape(t.shape[0], -1) for t in tensors)
            else:
                xt, wt, gt = (t.permute(0, 3, 1, 2).contiguous(memory_format=layout) for t in tensors)
            xt.requires_grad_()
            wt.requires_grad_()
            bt = torch.from_numpy(bias).requires_grad_()

            def call() -> None:
                if linear:
                    y = torch.nn.functional.linear(xt, wt, bt)
                else:
                    y = torch.nn.functional.conv2d(xt, wt, bt, padding=w.shape[1] // 2)
                torch.autograd.grad(y, [xt, wt, bt], gt)

            return call

        layouts = [float32(torch.contiguous_format)] + ([] if linear else [float32(torch.channels_last)])
        best = layouts[int(np.argmin(_alternating(layouts, 3)))]
        names = [chosen_arithmetic().engine.name] if quick else list(engines.ENGINES)
        calls = [lambda name=name, run=exact: run(engines.ENGINES[name]) for name in names]
        base, *others = _alternating([best, *calls], repeats)
        name = "product" if linear else f"convolution {kernel}x{kernel}"
        sizes = (
            f"{shape[0]} x {shape[3]} -> {outputs}"
            if linear
            else f"{shape[3]} -> {outputs}, {shape[1]}x{shape[2]}, batch {shape[0]}"
        )
        rows.append(
            {
                "what": f"{name} {sizes}",
                "float32_seconds": base,
                **{f"{engine}_seconds": seconds for engine, seconds in zip(names, others, strict=True)},
                "ratio": others[names.index(chosen_arithmetic().engine.name)] / base,
            }
        )
    return rows


def peaks(repeats: int) -> dict[str, float]:
    """Multiply-adds a second of torch's own products of 1024 x 1024 matrices."""
    n = 1024
    random = np.random.default_rng(SEED)
    small = torch.from_numpy(random.integers(-64, 64, (n, n)).astype(np.int8))
    single = torch.from_numpy(random.normal(size=(n, n)).astype(np.float32))
    double = single.double()
    calls = [lambda: torch._int_mm(small, small.t()), lambda: single @ single, lambda: double @ double]
    return {
        name: n**3 / s
        for name, s in zip(("int8", "float32", "float64"), _alternating(calls, repeats), strict=True)
    }


def _table(rows: list[dict[str, object]], first: str) -> list[str]:
    timed = [key for key in rows[0] if key.endswith("_seconds")]
    lines = [
        f"| {first} | " + " | ".join(key.removesuffix("_seconds") + ", ms" for key in timed) + " | ratio |",
        "|---|" + "---:|" * (len(timed) + 1),
    ]
    for row in rows:
        cells = [f"{1e3 * float(str(row[key])):.2f}" for key in timed]
        lines.append(f"| {row[first]} | " + " | ".join(cells) + f" | {float(str(row['ratio'])):.2f} |")
    return lines


def main() -> None:
    """Measures, prints a table, writes files on request."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--repeats", type=int, default=11)
    parser.add_argument("--quick", action="store_true", help="the default networks and one convolution")
    parser.add_argument("--json", type=Path)
    parser.add_argument("-o", "--output", type=Path, help="also write OUTPUT.md and OUTPUT.json")
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    rows, single = steps(chosen.repeats, chosen.quick), products(chosen.repeats, chosen.quick)
    result = {
        "threads": chosen.threads,
        "repeats": chosen.repeats,
        "seed": SEED,
        "machine": processor(),
        "capability": torch.backends.cpu.get_cpu_capability(),
        "versions": {"torch": torch.__version__, "numpy": np.__version__, "numba": numba.__version__},
        "engine": chosen_arithmetic().engine.name,
        "training_step_ratio": {str(row["network"]): row["ratio"] for row in rows},
        "steps": rows,
        "products": single,
        "peak_multiply_adds_per_second": peaks(chosen.repeats),
    }
    text = json.dumps(result, indent=1)
    for path in [chosen.json, chosen.output and chosen.output.with_suffix(".json")]:
        if path:
            path.write_text(text + "\n")
    lines = [
        "# Exact training against float32",
        "",
        f"{chosen.threads} threads, medians of {chosen.repeats}, alternating; torch {torch.__version__}, "
        f"{result['capability']}, engine {result['engine']}. Ratio: that engine / float32.",
        "",
        *_table(rows, "network"),
        "",
        *_table(single, "what"),
        "",
        "Peaks, 1024 x 1024, 10^9 multiply-adds a second: "
        + ", ".join(f"{k} {v / 1e9:.0f}" for k, v in result["peak_multiply_adds_per_second"].items()),  # type: ignore[attr-defined]
        "",
    ]
    print("\n".join(lines))
    if chosen.output:
        chosen.output.with_suffix(".md").write_text("\n".join(lines))


if __name__ == "__main__":
    main()
