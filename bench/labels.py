"""Label files of real data sets: bytes, ideal bits, overhead, seconds both ways, peak memory.

    python bench/labels.py --data DIR -o bench/results/labels [--only NAME ...]

DIR holds mnist/, fashion_mnist/ (IDX folders), tabular/ (letter-recognition.data, adult.data.xz) and cifar10.npz
(what bench/cifar10_arrays.py makes). Each set is encoded and decoded by the command line in fresh processes, one at
a time; the decoded labels are compared with the originals. Rows are added to DIR-independent files: OUT.json and
OUT.md.
"""

import argparse
import json
import math
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

import numpy as np
from machine import machine


@dataclass(frozen=True)
class Case:
    """One row: how to make the data (a path or a saved .npz), and the options of `encode`."""

    name: str
    data: Callable[[Path, Path], Path | str]
    options: list[str] = field(default_factory=list)
    preset: int | None = None


def _arrays(name: str, x: np.ndarray, y: np.ndarray) -> Callable[[Path, Path], Path]:
    def save(_: Path, work: Path) -> Path:
        path = work / f"{name}.npz"
        np.savez(path, x=x, y=y)
        return path

    return save


def _scikit(loader: str, order_seed: int | None, names: bool = False) -> Callable[[Path, Path], Path]:
    def save(data: Path, work: Path) -> Path:
        from sklearn import datasets

        bunch = getattr(datasets, loader)()
        x = bunch.images if loader == "load_digits" else bunch.data
        y = bunch.target_names[bunch.target].astype(str) if names else bunch.target
        order = (
            np.arange(len(y)) if order_seed is None else np.random.default_rng(order_seed).permutation(len(y))
        )
        return _arrays(f"{loader}-{order_seed}-{names}", x[order], y[order])(data, work)

    return save


def _slice(images: str, first: int) -> Callable[[Path, Path], Path]:
    """A thousand of a set's test images."""

    def save(data: Path, work: Path) -> Path:
        from mdlcodec import data as reading

        found = reading.read(str(next((data / images).glob("t10k-images*"))))
        assert found.labels is not None
        rows = slice(first, first + 1000)
        pixels = np.rint(found.inputs.features[rows] * 255).astype(np.uint8)
        return _arrays(f"{images}-{first}", pixels, found.labels.array()[rows])(data, work)

    return save


def _random_labels(images: str, n: int) -> Callable[[Path, Path], Path]:
    def save(data: Path, work: Path) -> Path:
        from mdlcodec import data as reading

        source = images if images == "digits" else str(data / images)
        x = reading.read(source, limit=n).inputs.features
        y = np.random.default_rng(0).integers(0, 10, len(x))
        return _arrays(f"random-{images}", (x * 255).astype(np.uint8), y)(data, work)

    return save


_PREQUENTIAL = ["--code", "prequential"]
# small sets whose rows compare the default code with the prequential one
_SMALL: dict[str, Callable[[Path, Path], Path | str]] = {
    "digits": lambda data, work: "digits",
    **{f"digits shuffled {seed}": _scikit("load_digits", seed) for seed in (1, 2, 3)},
    "breast_cancer shuffled": _scikit("load_breast_cancer", 0),
    "wine shuffled": _scikit("load_wine", 0),
    "random labels, digits": _random_labels("digits", 1797),
    **{
        f"{name} test, {first}..{first + 999}": _slice(name, first)
        for name in ("mnist", "fashion_mnist")
        for first in (0, 5000)
    },
}

CASES = [
    *[
        Case(f"{name}{suffix}", make, options)
        for name, make in _SMALL.items()
        for suffix, options in (("", []), (", prequential", _PREQUENTIAL))
    ],
    Case("digits mlp", lambda data, work: "digits", ["--net", "mlp"]),
    Case("digits cnn", lambda data, work: "digits", ["--net", "cnn"]),
    Case("digits uniform", lambda data, work: "digits", ["--code", "uniform"]),
    Case("letter", lambda data, work: data / "tabular/letter-recognition.data", ["--target", "0"]),
    Case("adult", lambda data, work: data / "tabular/adult.data.xz", ["--target", "-1"]),
    Case("breast_cancer names", _scikit("load_breast_cancer", 0, names=True)),
    Case("wine names", _scikit("load_wine", 0, names=True)),
    Case("mnist 10,000 cnn", lambda data, work: data / "mnist", ["--net", "cnn", "--limit", "10000"]),
    Case("mnist 60,000", lambda data, work: data / "mnist"),
    Case("mnist 60,000, switching", lambda data, work: data / "mnist", ["--code", "switching"]),
    Case("mnist 60,000, -6", lambda data, work: data / "mnist", preset=6),
    Case("mnist 60,000, -7", lambda data, work: data / "mnist", preset=7),
    Case("mnist 60,000, -9", lambda data, work: data / "mnist", preset=9),
    Case("fashion_mnist 60,000", lambda data, work: data / "fashion_mnist"),
    Case("fashion_mnist 60,000, -9", lambda data, work: data / "fashion_mnist", preset=9),
    Case("cifar10 2,000", lambda data, work: data / "cifar10.npz", ["--limit", "2000"]),
    Case("cifar10 2,000, -9", lambda data, work: data / "cifar10.npz", ["--limit", "2000"], preset=9),
    *[
        Case(f"cifar10 49,845{name}", lambda data, work: data / "cifar10.npz", preset=preset)
        for name, preset in (("", None), (", -7", 7), (", -9", 9))
    ],
    Case("random labels, mnist 10,000", _random_labels("mnist", 10000)),
    Case("random labels, mnist 60,000, -1", _random_labels("mnist", 60000), preset=1),
    Case("random labels, mnist 60,000", _random_labels("mnist", 60000)),
]


def _run(command: list[str]) -> tuple[subprocess.CompletedProcess[str], float, float]:
    """The finished process, its wall seconds and its peak memory in MiB."""
    start = time.perf_counter()
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        process = subprocess.Popen(command, stdout=out, stderr=err, text=True)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        out.seek(0)
        err.seek(0)
        code = os.waitstatus_to_exitcode(status)
        done = subprocess.CompletedProcess(command, code, out.read(), err.read())
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}: exit {done.returncode}\n{done.stderr}")
    return done, seconds, usage.ru_maxrss / 1024


def _measure(case: Case, data: Path, work: Path, preset: int | None) -> dict:
    from mdlcodec import data as reading

    source = str(case.data(data, work))
    file, back = work / "labels.mdl", work / "labels.npy"
    preset = case.preset or preset
    level = [f"-{preset}"] if preset else []
    program = [sys.executable, "-m", "mdlcodec"]
    encode = [*program, "encode", source, "-o", str(file), "-f", "--no-verify", "--json", "--quiet"]
    done, seconds, memory = _run([*encode, *case.options, *level])
    report = json.loads(done.stdout)
    decode = [*program, "decode", str(file), "--inputs", source, "-o", str(back), "-f", "--quiet"]
    decode += ["--max-work", "1e18"]  # of the presets that take more than a receiver does unasked
    _, decode_seconds, decode_memory = _run(decode)
    options = dict(zip(case.options[::2], case.options[1::2], strict=True))
    limit = int(options["--limit"]) if "--limit" in options else None
    labels = reading.read(source, target=options.get("--target"), limit=limit).labels
    assert labels is not None
    if not (np.load(back) == labels.array()).all():
        raise SystemExit(f"{case.name}: the decoded labels differ")
    measured = {
        "encode_seconds": round(seconds, 1),
        "decode_seconds": round(decode_seconds, 1),
        "encode_peak_mib": round(memory),
        "decode_peak_mib": round(decode_memory),
    }
    assert report["bytes"] == file.stat().st_size
    return _row(case.name, report) | measured


def _taken(name: str, path: Path) -> dict:
    """The row of a run that was checkpointed: what `encode --json` printed at its end, its file decoded in a fresh
    process; the seconds are of the last part of each. Nobody knows its memory."""
    report = json.loads(path.read_text())
    if not report["verified"]:
        raise SystemExit(f"{path}: a file that was never decoded")
    return _row(name, report) | {
        "encode_seconds": round(report["seconds"], 1),
        "decode_seconds": round(report["verify_seconds"], 1),
        "encode_peak_mib": None,
        "decode_peak_mib": None,
    }


def _row(name: str, report: dict) -> dict:
    payload = next(section["bytes"] for section in report["sections"] if section["name"] == "labels")
    return {
        "name": name,
        "bytes": report["bytes"],
        "ideal_bits": round(report["ideal_bits"], 2),
        "uniform_bits": round(report["uniform_bits"], 2),
        "coder_overhead_bits": round(payload * 8 - report["ideal_bits"], 2),
        "other_bytes": report["bytes"] - payload,
        "labels": report["labels"],
        "classes": report["classes"],
        "code": report["code"],
        "net": report["net"],
        "preset": report["preset"],
        "seed": report["seed"],
        "threads": int(os.environ.get("OMP_NUM_THREADS", os.cpu_count() or 1)),
    }


def _table(result: dict) -> str:
    lines = [
        "# Label files",
        "",
        f"{result['machine']['cores']} cores, {result['machine']['processor']}; "
        + ", ".join(f"{name} {number}" for name, number in result["versions"].items())
        + f"; engine {result['engine']}. One run each; every file was decoded in a fresh process and compared.",
        "",
        "| set | labels | code | net | preset | seed | **bytes** | uniform bytes | ideal bits "
        "| coder overhead, bits | other bytes | threads | encode s | decode s | peak MiB |",
        "|---|---:|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for row in result["rows"]:
        lines.append(
            f"| {row['name']} | {row['labels']:,} | {row['code']} | {row['net']} "
            f"| {row['preset']} | {row['seed']} "
            f"| **{row['bytes']:,}** | {math.ceil(row['uniform_bits'] / 8):,} | {row['ideal_bits']:,.1f} "
            f"| {row['coder_overhead_bits']:.1f} | {row['other_bytes']} | {row.get('threads', 1)} "
            f"| {row['encode_seconds']} | {row['decode_seconds']} "
            f"| {max(row['encode_peak_mib'] or 0, row['decode_peak_mib'] or 0) or ''} |"
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measures the cases and writes both files after every row."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("-o", type=Path, required=True)
    parser.add_argument("--only", nargs="*", help="names of rows to measure again; the others are kept")
    parser.add_argument("--preset", type=int)
    parser.add_argument(
        "--taken",
        nargs="*",
        default=[],
        metavar="NAME=FILE.json",
        help="rows of checkpointed runs of `encode --json`, which printed FILE; no others are measured then",
    )
    options = parser.parse_args()
    out = options.o.with_suffix(".json")
    rows = {row["name"]: row for row in json.loads(out.read_text())["rows"]} if out.exists() else {}
    taken = dict(pair.rsplit("=", 1) for pair in options.taken)
    for case in CASES:
        if (taken and case.name not in taken) or (options.only is not None and case.name not in options.only):
            continue
        if taken:
            rows[case.name] = _taken(case.name, Path(taken[case.name]))
        else:
            with tempfile.TemporaryDirectory() as work:
                rows[case.name] = _measure(case, options.data, Path(work), options.preset)
        print(json.dumps(rows[case.name]), flush=True)
        result = {
            "machine": machine(),
            "versions": {
                "python": platform.python_version(),
                **{name: version(name) for name in ("torch", "numpy", "numba", "constriction")},
            },
            "engine": os.environ.get("MDLCODEC_ENGINE", "default"),
            "rows": [rows[case.name] for case in CASES if case.name in rows],
        }
        out.write_text(json.dumps(result, indent=1) + "\n")
        out.with_suffix(".md").write_text(_table(result))


if __name__ == "__main__":
    main()
