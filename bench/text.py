"""Texts: bytes of our payloads at levels, beside xz, zstd, brotli and PPMd, with seconds each way.

    python bench/text.py FILE.. [--levels 1 5 9] [--first BYTES] [-o bench/results/text]

Each payload is decoded and compared. FILE.xz stands for what is in it, --first for its first bytes. Seconds are CPU
seconds of one core, compilation not counted. zstd needs `zstandard`, brotli `brotli`, PPMd `pyppmd`; a package that
is not there leaves its column empty. Rows are added to OUT.json and OUT.md.
"""

from __future__ import annotations

import argparse
import json
import lzma
import time
from collections.abc import Callable
from datetime import date
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from machine import machine

from mdlcodec.mixing.text import TextDecoder, TextEncoder, memory_bytes

_PACKAGES = ("mdlcodec", "numba", "numpy", "zstandard", "brotli", "pyppmd")


def _xz(text: bytes) -> int:
    return len(lzma.compress(text, preset=9 | lzma.PRESET_EXTREME))


def _zstd(text: bytes) -> int:
    return len(import_module("zstandard").ZstdCompressor(level=22).compress(text))


def _brotli(text: bytes) -> int:
    return len(import_module("brotli").compress(text, quality=11, lgwin=24))


def _ppmd(text: bytes) -> int:
    """Variant H of order 16 with 256 MB, as 7-Zip has it."""
    encoder = import_module("pyppmd").Ppmd7Encoder(16, 1 << 28)
    return len(encoder.encode(text) + encoder.flush())


OTHERS: dict[str, Callable[[bytes], int]] = {
    "xz -9e": _xz,
    "zstd -22": _zstd,
    "brotli -11": _brotli,
    "PPMd": _ppmd,
}


def text_of(path: Path, first: int | None) -> bytes:
    """A file's bytes; of FILE.xz what is in it."""
    held = path.read_bytes()
    return (lzma.decompress(held) if path.suffix == ".xz" else held)[:first]


def measured(text: bytes, level: int) -> dict[str, Any]:
    """Bytes and seconds at a level; AssertionError unless the payload decodes."""
    begun = time.process_time()
    encoder = TextEncoder(level, len(text))
    bits = encoder.update(text)
    payload = encoder.finish()
    coded = time.process_time()
    assert TextDecoder(level, len(text), payload).take(len(text)) == text
    decoded = time.process_time()
    return {
        "level": level,
        "bytes": len(payload),
        "ideal_bytes": bits / 8,
        "encode_seconds": coded - begun,
        "decode_seconds": decoded - coded,
        "memory_bytes": memory_bytes(level, len(text)),
    }


def _versions() -> dict[str, str]:
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def row(path: Path, first: int | None, levels: list[int]) -> dict[str, Any]:
    """Everything about one text."""
    text = text_of(path, first)
    others: dict[str, int] = {}
    for name, size in OTHERS.items():
        try:
            others[name] = size(text)
        except ImportError:
            continue
    warm = TextEncoder(levels[0], 1)
    warm.update(b"a")  # compiles
    return {
        "text": path.name if first is None else f"{path.name}, first {first}",
        "n": len(text),
        "levels": [measured(text, level) for level in levels],
        "others": others,
        "date": date.today().isoformat(),
        "versions": _versions(),
        "machine": machine(),
    }


def table(rows: list[dict[str, Any]]) -> str:
    """The rows as Markdown."""
    levels = sorted({entry["level"] for one in rows for entry in one["levels"]})
    lines = [
        "# Texts",
        "",
        "`bench/text.py`: bytes of payloads, each decoded and compared (a file has at most 20 bytes more); in",
        "brackets CPU seconds of one core each way, compilation not counted. Nothing is drawn by chance. The",
        "machine was shared while it measured. PPMd: order 16, 256 MB.",
        "",
        "| text | n | "
        + " | ".join(f"level {level}" for level in levels)
        + " | "
        + " | ".join(OTHERS)
        + " |",
        "|" + "---|" * (2 + len(levels) + len(OTHERS)),
    ]
    for one in rows:
        ours = {entry["level"]: entry for entry in one["levels"]}
        cells = []
        for entry in (ours.get(level) for level in levels):
            seconds = "({encode_seconds:.1f}, {decode_seconds:.1f})".format(**entry) if entry else ""
            cells.append(f"{entry['bytes']:,} {seconds}" if entry else "")
        cells += [f"{one['others'][name]:,}" if name in one["others"] else "" for name in OTHERS]
        lines.append(f"| {one['text']} | {one['n']:,} | " + " | ".join(cells) + " |")
    told = rows[-1]
    named = ", ".join(f"{name} {value}" for name, value in told["versions"].items())
    lines += [
        "",
        f"{told['machine']['processor']}, {told['machine']['cores']} cores; {named}; {told['date']}.",
        "",
    ]
    return "\n".join(lines)


def main() -> None:
    """Measures, and adds rows."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--levels", nargs="+", type=int, default=[1, 5, 9])
    parser.add_argument("--first", type=int)
    parser.add_argument("-o", "--output", type=Path, default=Path("bench/results/text"))
    args = parser.parse_args()
    held = args.output.with_suffix(".json")
    for path in args.files:
        new = row(path, args.first, args.levels)
        rows = json.loads(held.read_text()) if held.exists() else []
        kept = next((one for one in rows if one["text"] == new["text"]), None)
        if kept:  # other levels of it stay
            again = {entry["level"] for entry in new["levels"]}
            stay = [entry for entry in kept["levels"] if entry["level"] not in again]
            new["levels"] = sorted([*new["levels"], *stay], key=lambda entry: entry["level"])
            new["others"] = {**kept["others"], **new["others"]}
            rows[rows.index(kept)] = new
        else:
            rows.append(new)
        held.write_text(json.dumps(rows, indent=1) + "\n")
        args.output.with_suffix(".md").write_text(table(rows))
        print(json.dumps(new), flush=True)


if __name__ == "__main__":
    main()
