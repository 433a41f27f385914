"""Table 1 of Blier & Ollivier 2018 on real data: `mdlcodec compare`, with what it ran on.

    python bench/codes.py --data DATA --name NAME -o bench/results/codes [--folder FOLDER] [--codes NAMES]
                          [--preset N] [--seed N] [--test DATA] [--fake-labels]

DATA is what `mdlcodec compare` takes, and of --test too; the rows are added to OUT.json and OUT.md, and replace
those of the same name, code, preset and seed. The files stay in FOLDER, so that what was interrupted goes on, and a
code made there before is not made again: remove FOLDER when the program has changed. Every file was decoded in a
fresh process on the CPU, and its labels compared.
--fake-labels: DATA's images with ten labels drawn uniformly (numpy's default_rng(0)), which no code can compress.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
from machine import machine

from mdlcodec import data

_KEY = ("name", "code", "preset", "seed")
_HEAD = [
    "set", "labels", "code", "net", "preset", "seed", "**bytes**", "kbit", "ratio to uniform", "labels' ideal kbit",
    "objective kbit", "training error", "test accuracy", "encode s", "decode s", "threads",
]  # fmt: skip


def main() -> None:
    """Compare, and write OUT.json and OUT.md."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", required=True)
    parser.add_argument("--name", required=True, help="what the rows call the data")
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--folder", type=Path, help="of compare's files [default: OUT.NAME]")
    parser.add_argument("--codes", help="separated by commas [default: all]")
    parser.add_argument("--preset", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--test", help="as compare's")
    parser.add_argument("--fake-labels", action="store_true")
    given = parser.parse_args()
    out = given.out.with_suffix(".json")
    results = json.loads(out.read_text()) if out.exists() else {"rows": []}
    folder = given.folder or given.out.with_name(f"{given.out.stem}.{given.name.replace(' ', '_')}")
    folder.mkdir(parents=True, exist_ok=True)
    source = _with_fake_labels(given.data, folder) if given.fake_labels else given.data
    command = [sys.executable, "-m", "mdlcodec", "compare", source, "-o", str(folder), "--json"]
    command += [f"-{given.preset}", "--seed", str(given.seed)]
    command += ["--codes", given.codes] if given.codes else []
    command += ["--test", given.test] if given.test else []
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    facts = json.loads(done.stdout)
    for row in facts["codes"]:
        if row["failed"] is not None:
            continue
        del row["failed"], row["file"]
        row |= {name: facts[name] for name in ("labels", "classes", "uniform_bits", "preset", "seed")}
        row["name"] = given.name
        row["machine"] = machine()
        others = [other for other in results["rows"] if any(other[name] != row[name] for name in _KEY)]
        results["rows"] = [*others, row]
    results["rows"].sort(key=lambda row: row["name"])  # stable: codes stay in the order of the paper
    out.write_text(json.dumps(results, indent=1) + "\n")
    given.out.with_suffix(".md").write_text(_table(results["rows"]))
    raise SystemExit(done.returncode)


def _with_fake_labels(source: str, folder: Path) -> str:
    inputs = data.read(source).inputs
    assert inputs.is_images
    pixels = np.rint(inputs.features * 255).astype(np.uint8)
    path = folder / "fake.npz"
    np.savez(path, x=pixels, y=np.random.default_rng(0).integers(0, 10, len(pixels)))
    return str(path)


def _table(rows: list[dict[str, Any]]) -> str:
    versions = {
        ", ".join(f"{name} {number}" for name, number in row["made_with"].items() if name != "threads")
        for row in rows
        if row["made_with"]
    }
    machines = {f"{row['machine']['cores']} cores, {row['machine']['processor']}" for row in rows}
    lines = [
        "# Codes",
        "",
        f"Made by `bench/codes.py`; {'; '.join(sorted(machines))}; {'; '.join(sorted(versions))}.",
        "Bytes of whole files, each decoded in a fresh process (whose start is part of its seconds) and compared;",
        "one run each. Ideal lengths are those of the labels alone, and of KL + expected loss; they are no file's.",
        "",
        "| " + " | ".join(_HEAD) + " |",
        "|---|---:|---|---|" + "---:|" * (len(_HEAD) - 4),
    ]
    for row in rows:
        made_with = row["made_with"] or {}
        cells = [
            row["name"], f"{row['labels']:,}", row["code"], row["net"] or "", row["preset"], row["seed"],
            f"**{row['bytes']:,}**", f"{row['kbit']:,.2f}", f"{row['ratio']:.4f}", _kbit(row["ideal_bits"]),
            _kbit(row["objective_bits"]), _share(row["training_error"]), _share(row["test_accuracy"]),
            f"{row['encode_seconds']:,.0f}", f"{row['decode_seconds']:,.0f}", made_with.get("threads", ""),
        ]  # fmt: skip
        lines.append("| " + " | ".join(str(cell) for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def _kbit(bits: float | None) -> str:
    return "" if bits is None else f"{bits / 1000:,.2f}"


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.2%}"


if __name__ == "__main__":
    main()
