"""Networks over sequences against plain float32 torch, in one run: training steps, predictions, what they learn.

    python bench/sequence_networks.py [--threads N] [--repeats N] [--text FILE] [-o bench/results/sequence_networks]

A step is forward, backward and Adam. Float32 is the same network in torch: fused attention, GELU by torch's tanh
form, fused Adam. Measurements alternate (A B A B ...), in seconds of this process alone (`time.process_time`), so
that what others compute beside it counts little; medians are reported. With ``--text``, both learn from the same
windows of the file from the same initial weights, and their mean losses are compared; with ``--coded`` its first
bytes are coded, and some of them decoded.
"""

import argparse
import json
import lzma
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from machine import instruction_sets, processor
from torch.nn import functional

from mdlcodec.codes import learned_text
from mdlcodec.exact.choice import chosen_arithmetic
from mdlcodec.exact.engines import ENGINES
from mdlcodec.exact.linear import Arithmetic
from mdlcodec.exact.optimisers import Adam
from mdlcodec.exact.random import Stream
from mdlcodec.nn.exact_training import Network
from mdlcodec.nn.losses import cross_entropy_at_places
from mdlcodec.nn.nodes import Gelu
from mdlcodec.nn.steps import Steps
from mdlcodec.nn.zoo.sequences import SEQUENCE_ARCHITECTURES, SequenceArchitecture
from mdlcodec.sender import twins

SEED, BATCH = 0, 16


class Float32:
    """The same network, weights and Adam in torch's float32."""

    def __init__(self, architecture: SequenceArchitecture, network: Network, rate: float = 1e-3) -> None:
        self._graph, shape = architecture.graph, (architecture.places,)
        parameters = list(self._graph.parameters(shape).items())
        self._tensors: dict[str, torch.Tensor] = {}
        for (name, parameter), (start, held) in zip(parameters, network.layout, strict=True):
            array = network.weights[start : start + int(np.prod(held))].reshape(held)
            self._tensors[name] = torch.from_numpy(parameter.from_held(array).copy()).requires_grad_()
        self._rule = torch.optim.Adam(self._tensors.values(), lr=rate, fused=True)

    def _value(self, symbols: torch.Tensor) -> torch.Tensor:
        values = [symbols]
        for vertex in self._graph.vertices:
            entering = [values[value] for value in vertex.inputs]
            if isinstance(vertex.node, Gelu):
                values.append(functional.gelu(entering[0], approximate="tanh"))
                continue
            prefix = f"{vertex.name}."
            own = {n[len(prefix) :]: t for n, t in self._tensors.items() if n.startswith(prefix)}
            values.append(twins.forward(vertex.node, own, entering, training=True))
        return values[-1]

    def step(self, x: np.ndarray, y: np.ndarray) -> float:
        """One step on symbols (N, T) and those that follow; the loss in nats a symbol."""
        self._rule.zero_grad()
        scores = self._value(torch.from_numpy(x))
        loss = functional.cross_entropy(scores.reshape(-1, scores.shape[-1]), torch.from_numpy(y).reshape(-1))
        loss.backward()
        self._rule.step()
        return float(loss.detach())


class Exact:
    """A network that both sides would train."""

    def __init__(
        self, architecture: SequenceArchitecture, arithmetic: Arithmetic, rate: float = 1e-3
    ) -> None:
        shape = (architecture.places,)
        self.network = Network(architecture.graph, shape, arithmetic, Stream(SEED, 1), Stream(SEED, 2))
        self._rule, self._rate = Adam(self.network.weights), rate

    def step(self, x: np.ndarray, y: np.ndarray) -> float:
        """See `Float32.step`."""
        loss, gradient, _ = self.network.gradient(x, y, 0.0, cross_entropy_at_places)
        self._rule.step(self.network.trained, gradient, self._rate, 0.0)
        return loss


def _alternating(calls: dict[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """Median seconds of each call, measured in turn after one call that is not."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for turn in range(repeats + 1):
        for name, call in calls.items():
            start = time.process_time()
            call()
            if turn:
                times[name].append(time.process_time() - start)
    return {name: statistics.median(kept) for name, kept in times.items()}


def steps(repeats: int) -> list[dict[str, object]]:
    """Whole training steps of every network, by every engine and by torch."""
    random, rows = np.random.default_rng(SEED), []
    for name, architecture in SEQUENCE_ARCHITECTURES.items():
        text = random.integers(0, 256, (BATCH, architecture.places + 1))
        x, y = text[:, :-1].copy(), text[:, 1:].copy()
        exact = {engine: Exact(architecture, Arithmetic(ENGINES[engine])) for engine in ENGINES}
        plain = Float32(architecture, exact["float64"].network)
        calls: dict[str, Callable[[], object]] = {"float32": lambda plain=plain, x=x, y=y: plain.step(x, y)}
        for engine, made in exact.items():
            calls[engine] = lambda made=made, x=x, y=y: made.step(x, y)
        seconds = _alternating(calls, repeats)
        chosen = chosen_arithmetic().engine.name
        rows.append(
            {
                "network": name,
                "weights": architecture.size,
                **{f"{each}_seconds": value for each, value in seconds.items()},
                "ratio": seconds[chosen] / seconds["float32"],
                "bytes_per_second": BATCH * architecture.places / seconds[chosen],
            }
        )
    return rows


def predictions(repeats: int) -> list[dict[str, object]]:
    """Bytes a second of predictions place by place, from the first to the last, and all at once."""
    rows = []
    for name, architecture in SEQUENCE_ARCHITECTURES.items():
        arithmetic, places = chosen_arithmetic(), architecture.places
        network = Exact(architecture, arithmetic).network
        made = Steps(architecture.graph, places, network.views(network.vector), arithmetic)
        for streams in (1, 16, 128):
            symbols = Stream(SEED, 3).below(256, streams * places).reshape(streams, places)

            def through(made=made, symbols=symbols) -> None:
                state = made.begin(len(symbols))
                for place in range(symbols.shape[1]):
                    made.step(state, symbols[:, place])

            calls = {"by place": through, "at once": lambda made=made, symbols=symbols: made.scores(symbols)}
            seconds = _alternating(calls, repeats)
            speeds = {f"{what}, bytes/s": symbols.size / value for what, value in seconds.items()}
            rows.append({"network": name, "streams": streams, **speeds})
    return rows


def learning(text: bytes, names: list[str], count: int) -> list[dict[str, object]]:
    """Mean losses, bits a byte, of exact and float32 training on the same random windows."""
    symbols, rows = np.frombuffer(text, np.uint8).astype(np.int64), []
    for name in names:
        architecture = SEQUENCE_ARCHITECTURES[name]
        exact = Exact(architecture, chosen_arithmetic(), 2e-3)
        plain = Float32(architecture, exact.network, 2e-3)
        places, random = np.arange(architecture.places + 1), np.random.default_rng(SEED)
        losses: dict[str, list[float]] = {"exact": [], "float32": []}
        for _ in range(count):
            starts = random.integers(0, symbols.size - places.size, BATCH)
            windows = symbols[starts[:, None] + places]
            for what, network in (("exact", exact), ("float32", plain)):
                losses[what].append(network.step(windows[:, :-1].copy(), windows[:, 1:].copy()))
        last = {what: float(np.mean(kept[-count // 4 :]) / np.log(2)) for what, kept in losses.items()}
        rows.append(
            {"network": name, "steps": count, **{f"{what}, bits/byte": v for what, v in last.items()}}
        )
    return rows


def texts(text: bytes, decoded: int) -> list[dict[str, object]]:
    """Files' payloads of a text that networks learn; of its first ``decoded`` bytes, also what decodes."""
    rows = []
    for preset in (3, 6):
        for net in ("transformer", "lstm"):
            start = time.process_time()
            payload, bits = learned_text.encode(text, net, preset)
            seconds = time.process_time() - start
            part = text[:decoded]
            short, _ = learned_text.encode(part, net, preset)
            start = time.process_time()
            whole = learned_text.decode(short, len(part), net, preset) == part
            back = time.process_time() - start
            if not whole:
                raise SystemExit(f"{net} -{preset}: another text")
            rows.append(
                {
                    "network": f"{net} -{preset}",
                    "bytes": len(text),
                    "payload": len(payload),
                    "ideal": bits / 8,
                    "xz -9e": len(lzma.compress(text, preset=9 | lzma.PRESET_EXTREME)),
                    "encode, bytes/s": len(text) / seconds,
                    "decode, bytes/s": len(part) / back,
                }
            )
    return rows


def _cell(value: object) -> str:
    return (f"{value:.3f}" if value < 100 else f"{value:,.0f}") if isinstance(value, float) else str(value)


def _table(rows: list[dict[str, object]]) -> list[str]:
    shown = [
        {k.replace("_seconds", ", ms"): 1e3 * v if "_seconds" in k else v for k, v in row.items()}  # type: ignore[operator]
        for row in rows
    ]
    head = ["| " + " | ".join(shown[0]) + " |", "|---|" + "---:|" * (len(shown[0]) - 1)]
    return head + ["| " + " | ".join(map(_cell, row.values())) + " |" for row in shown]


def main() -> None:
    """Measures, prints tables, writes files on request."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--text", type=Path, help="a text that exact and float32 networks learn from")
    parser.add_argument("--names", nargs="+", default=["transformer-small", "lstm"], help="of those")
    parser.add_argument("--steps", type=int, default=300, help="that they learn for")
    parser.add_argument("--coded", type=int, default=0, help="first bytes of the text that are coded")
    parser.add_argument("--decoded", type=int, default=20_000, help="first bytes of it that are decoded")
    parser.add_argument("-o", "--output", type=Path, help="also write OUTPUT.md and OUTPUT.json")
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    tables = {
        f"Training steps, {BATCH} sequences of 128 bytes": steps(chosen.repeats),
        "Predictions": predictions(3),
    }
    if chosen.text:
        title = f"Training on random windows of {chosen.text.name}, mean loss of the last quarter"
        tables[title] = learning(chosen.text.read_bytes(), chosen.names, chosen.steps)
    if chosen.text and chosen.coded:
        title = f"Texts learned by a network alone, the first bytes of {chosen.text.name}"
        tables[title] = texts(chosen.text.read_bytes()[: chosen.coded], chosen.decoded)
    engine = chosen_arithmetic().engine.name
    lines = [
        "# Networks over sequences, exact against float32",
        "",
        f"{processor()} ({', '.join(instruction_sets())}), {chosen.threads} thread(s), torch {torch.__version__}, "
        f"engine {engine}. Medians of {chosen.repeats} alternating measurements of the process' own time, while "
        "other processes used the machine. Ratio: that engine's step / float32's.",
    ]
    for title, rows in tables.items():
        lines += ["", f"## {title}", "", *_table(rows)]
    print("\n".join(lines))
    if chosen.output:
        chosen.output.with_suffix(".md").write_text("\n".join([*lines, ""]))
        result = {"threads": chosen.threads, "repeats": chosen.repeats, "engine": engine, "tables": tables}
        chosen.output.with_suffix(".json").write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
