"""Probes beside other online codes: bits and seconds on the same data in the same run.

    python bench/probes.py --data DIR -o bench/results/probes [--only NAME ...] [--n 10000] [--repeats 2]

Ours are files that a fresh process decoded (`mdlcodec.probe` under its preset and under -5; the seconds are of
both, on all cores). The others are ideal codelengths, of which nothing is written: an online code with
scikit-learn's logistic regression, refitted where the labels have doubled (Voita & Titov 2020); preqtorch's
BlockEncoder on the same blocks, and its MIREncoder, with a network of one hidden layer of 1,000 units. All are
run in turn (A B A B), and the medians are told. DIR: see probe_sets.py.
"""

import argparse
import contextlib
import io
import json
import os
import time
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path
from statistics import median

import numpy as np
import probe_sets
import torch
from machine import machine
from torch.utils.data import DataLoader, TensorDataset

import mdlcodec

# shares of the labels at which models are fitted anew, and preqtorch's settings
BLOCKS = (0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.0625, 0.125, 0.25, 0.5, 1.0)
PACKAGES = ("mdlcodec", "torch", "scikit-learn", "preqtorch")
HIDDEN, EPOCHS, PATIENCE, RATE, BATCH, REPLAYS = 1000, 50, 3, 1e-3, 64, 8


def ends(n: int) -> list[int]:
    """Where blocks end."""
    return sorted({max(1, round(share * n)) for share in BLOCKS})


def logistic_regression(x: np.ndarray, y: np.ndarray) -> float:
    """Ideal bits of the online code; classes that were not seen yet share what one label's count is worth."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    k, stops = int(y.max()) + 1, ends(len(y))
    bits = stops[0] * np.log2(k)
    for start, stop in pairwise(stops):
        seen = np.unique(y[:start])
        unseen = (k - len(seen)) / (start + k)
        p = np.full((stop - start, k), unseen / max(1, k - len(seen)))
        if len(seen) > 1:
            scaler = StandardScaler().fit(x[:start])
            fitted = LogisticRegression(max_iter=500).fit(scaler.transform(x[:start]), y[:start])
            p[:, seen] = (1.0 - unseen) * fitted.predict_proba(scaler.transform(x[start:stop]))
        else:
            p[:, seen] = 1.0 - unseen
        bits -= np.log2(np.maximum(p[np.arange(stop - start), y[start:stop]], 1e-12)).sum()
    return float(bits)


class Network(torch.nn.Module):
    """One hidden layer, on batches (inputs, targets)."""

    def __init__(self, width: int, k: int) -> None:
        super().__init__()
        self.layers = torch.nn.Sequential(
            torch.nn.Linear(width, HIDDEN), torch.nn.ReLU(), torch.nn.Linear(HIDDEN, k)
        )

    def forward(self, batch):
        """Scores."""
        return self.layers(batch[0])


def _nats(batch, output):
    return torch.nn.functional.cross_entropy(output, batch[1], reduction="none")


def _bits(code_length: float) -> float:
    """preqtorch adds what the loss gives: nats."""
    return code_length / float(np.log(2.0))


def _tensors(x: np.ndarray, y: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
    mean, deviation = x.mean(0), x.std(0) + 1e-6
    return torch.tensor((x - mean) / deviation, dtype=torch.float32), torch.tensor(y, dtype=torch.int64)


def _model_class(x: np.ndarray, y: np.ndarray):
    from preqtorch import ModelClass

    return ModelClass(Network, device="cpu", kwargs={"width": x.shape[1], "k": int(y.max()) + 1})


def preqtorch_blocks(x: np.ndarray, y: np.ndarray) -> float:
    """BlockEncoder: trained anew on all labels before each block."""
    from preqtorch import BlockEncoder

    inputs, targets = _tensors(x, y)
    stops = ends(len(y))
    train, evaluated = [], []
    for start, stop in zip([0, *stops[:-1]], stops, strict=True):
        train.append(DataLoader(TensorDataset(inputs[:stop], targets[:stop]), batch_size=BATCH, shuffle=True))
        evaluated.append(DataLoader(TensorDataset(inputs[start:stop], targets[start:stop]), batch_size=512))
    with contextlib.redirect_stdout(io.StringIO()):
        result = BlockEncoder(model_class=_model_class(x, y), device="cpu").encode(
            train, evaluated, set_name="probe", seed=0, loss_fn=_nats, learning_rate=RATE, epochs=EPOCHS,
            patience=PATIENCE,
        )  # fmt: skip
    return _bits(result.code_length)


def preqtorch_replay(x: np.ndarray, y: np.ndarray) -> float:
    """MIREncoder: one pass, with batches of what was seen replayed."""
    from preqtorch import MIREncoder

    loader = DataLoader(TensorDataset(*_tensors(x, y)), batch_size=BATCH)
    with contextlib.redirect_stdout(io.StringIO()):
        result = MIREncoder(model_class=_model_class(x, y), device="cpu").encode(
            dataloader=loader, set_name="probe", n_replay_samples=REPLAYS, loss_fn=_nats, learning_rate=RATE,
            seed=0, use_beta=False,
        )  # fmt: skip
    return _bits(result.code_length)


def probe(x: np.ndarray, y: np.ndarray) -> float:
    """The preset of probes."""
    return mdlcodec.probe({"x": x}, y)["x"].bits


def default(x: np.ndarray, y: np.ndarray) -> float:
    """The same at -5."""
    return mdlcodec.probe({"x": x}, y, preset=5)["x"].bits


WAYS = {
    "mdlcodec.probe": probe,
    "mdlcodec -5": default,
    "logistic regression": logistic_regression,
    "preqtorch, blocks": preqtorch_blocks,
    "preqtorch, replay": preqtorch_replay,
}


def measured(name: str, n: int, folder: Path, repeats: int) -> dict[str, object]:
    """One set under every way."""
    x, y = probe_sets.made(name, n, folder)
    seconds: dict[str, list[float]] = {way: [] for way in WAYS}
    bits: dict[str, float] = {}
    for turn in range(repeats):
        for way, code in WAYS.items():
            if way == "mdlcodec -5" and turn:  # minutes
                continue
            start = time.perf_counter()
            bits[way] = code(x, y)
            seconds[way].append(time.perf_counter() - start)
            print(f"{name}: {way}: {bits[way]:,.0f} bits, {seconds[way][-1]:.1f} s", flush=True)
    k = int(y.max()) + 1
    return {
        "set": name,
        "chosen_on": name in probe_sets.CHOSEN_ON,
        "n": len(y),
        "width": x.shape[1],
        "classes": k,
        "uniform_bits": len(y) * float(np.log2(k)),
        "bits": bits,
        "seconds": {way: median(times) for way, times in seconds.items()},
    }


def table(rows: list[dict[str, object]], facts: dict[str, object]) -> str:
    """The results as Markdown."""
    lines = [
        "# Probes beside other online codes",
        "",
        f"`bench/probes.py` on {facts['machine']}; {facts['versions']}; seed 0; runs of each, in turn, whose "
        f"median seconds these are: {facts['repeats']} (-5: one); what is measured first compiles, too. Ours are "
        "whole files that a fresh process decoded, and the "
        "seconds are of both, processes' starts included; the others' bits are ideal. logistic: scikit-learn's, "
        "refitted at doublings. preqtorch: one hidden layer of 1,000 units, refitted on the same blocks, or one "
        "pass with replay.",
        "",
        "| set | n, classes | probe | -5 | probe / -5 | logistic | preqtorch, blocks | preqtorch, replay |",
        "|---|---|---:|---:|---:|---:|---:|---:|",
    ]
    for row in rows:
        bits, seconds = row["bits"], row["seconds"]
        cells = [f"{bits[way]:,.0f}<br>{seconds[way]:,.1f} s" for way in WAYS]
        ratio = bits["mdlcodec.probe"] / bits["mdlcodec -5"]
        name = f"{row['set']} (chosen on)" if row["chosen_on"] else row["set"]
        lines.append(
            f"| {name} | {row['n']:,}, {row['classes']} | {cells[0]} | {cells[1]} | {ratio:.3f} | "
            + " | ".join(cells[2:])
            + " |"
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--only", nargs="+", choices=[*probe_sets.CHOSEN_ON, *probe_sets.MEASURED_ON])
    parser.add_argument("--n", type=int, default=10_000)
    parser.add_argument("--repeats", type=int, default=2)
    options = parser.parse_args()
    output = options.output.with_suffix(".json")
    held = json.loads(output.read_text()) if output.exists() else {"rows": []}
    facts = {
        "machine": f"{machine()['processor']}, {len(os.sched_getaffinity(0))} cores",
        "versions": ", ".join(
            f"{name} {version(name)}" for name in ("mdlcodec", "torch", "scikit-learn", "preqtorch")
        ),
        "repeats": options.repeats,
    }
    for name in options.only or [*probe_sets.CHOSEN_ON, *probe_sets.MEASURED_ON]:
        row = measured(name, options.n, options.data, options.repeats)
        kept = [other for other in held["rows"] if (other["set"], other["n"]) != (row["set"], row["n"])]
        held = {"facts": facts, "rows": [*kept, row]}
        output.write_text(json.dumps(held, indent=1) + "\n")
        options.output.with_suffix(".md").write_text(table(held["rows"], facts))


if __name__ == "__main__":
    main()
