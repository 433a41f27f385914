"""Network files of trained networks against general compressors and NNCodec: bytes, and seconds both ways.

    python bench/networks.py --nets DIR -o bench/results/networks [--nncodec PYTHON] [--only NAME ...]

DIR holds .npz files of weights. Of every network several forms are compressed: the tensors as they are (every
bit comes back), rounded to bfloat16 or with 0.0 for -0.0 where that tells something, and, where every weight
tensor has few distinct values, the integers that stand for those (the sign and the rank of a value among its
tensor's), as NNCodec codes them. General compressors see the tensors' bytes, one tensor after the other,
integers as int8 or int16. Bytes of ours are sizes of files that `mdlcodec unpack` turned back, in a fresh process,
into the same tensors. Seconds are medians of alternating runs in one process (ours, peer, ours, peer, ...) on
one thread. PYTHON is an interpreter that has nncodec 2.1.3, which needs numpy < 2.
"""

import argparse
import json
import lzma
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import zstandard
from machine import machine

import mdlcodec
from mdlcodec.container import write_network_file
from mdlcodec.data.tensor import Tensor
from mdlcodec.descriptions.tensors.network_section import decode_network, encode_network

RUNS = 3
LARGEST_RANK = 255

NNCODEC = """
import contextlib, io, json, sys, time
import numpy as np
from nncodec.nn import decode, encode
arrays = [np.int32(array) for array in np.load(sys.argv[1]).values()]
named = {f"parameter_{i}": array for i, array in enumerate(arrays)}
with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
    start = time.perf_counter()
    stream = encode(named, args={"qp": -32, "results": sys.argv[2]})
    encoded = time.perf_counter()
    found = decode(stream)
    decoded = time.perf_counter()
same = all(np.array_equal(np.rint(found[name]).astype(np.int32), array) for name, array in named.items())
print(json.dumps({"bytes": len(stream), "encode": encoded - start, "decode": decoded - encoded, "same": same}))
"""


def main() -> None:
    """Measure, and write OUT.json and OUT.md."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--nets", type=Path, required=True)
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--nncodec", metavar="PYTHON")
    parser.add_argument("--only", nargs="*")
    arguments = parser.parse_args()
    results: dict[str, Any] = {"machine": machine(), "versions": _versions(arguments.nncodec), "rows": []}
    if arguments.out.with_suffix(".json").exists():
        results["rows"] = json.loads(arguments.out.with_suffix(".json").read_text())["rows"]
    for path in sorted(arguments.nets.glob("*.npz")):
        if arguments.only and path.stem not in arguments.only:
            continue
        for row in _rows(path, arguments.nncodec):
            print(json.dumps(row), flush=True)
            key = (row["network"], row["form"])
            kept = [other for other in results["rows"] if (other["network"], other["form"]) != key]
            results["rows"] = [*kept, row]
            arguments.out.with_suffix(".json").write_text(json.dumps(results, indent=1) + "\n")
            arguments.out.with_suffix(".md").write_text(_table(results))


def _versions(nncodec: str | None) -> dict[str, str]:
    found = {name: version(name) for name in ("numpy", "numba", "zstandard")} | {
        "mdlcodec": mdlcodec.__version__
    }
    found["python"] = sys.version.split()[0]
    for name in ("brotli",):
        try:
            found[name] = version(name)
        except ImportError:
            continue
    if nncodec is not None:
        code = "from importlib.metadata import version; print(version('nncodec'))"
        found["nncodec"] = subprocess.check_output([nncodec, "-c", code], text=True).strip()
    return found


def _rows(path: Path, nncodec: str | None) -> list[dict[str, Any]]:
    arrays = dict(np.load(path))
    rows = [_row(path.stem, "as it is", arrays)]
    elements = sum(array.size for array in arrays.values())
    zeros = sum(int((array == 0).sum()) for array in arrays.values())
    negative = sum(int((np.signbit(array) & (array == 0)).sum()) for array in arrays.values())
    if 100 * negative > elements:
        rows.append(_row(path.stem, "-0.0 made 0.0", {name: a + np.float32(0) for name, a in arrays.items()}))
    if 2 * zeros < elements:
        rows.append(_row(path.stem, "bfloat16", {name: _bfloat16(a) for name, a in arrays.items()}, "BF16"))
    integers = {name: _ranks(array) for name, array in arrays.items() if array.ndim >= 2}
    if all(np.abs(ranks).max(initial=0) <= LARGEST_RANK for ranks in integers.values()):
        row = _row(path.stem, "integers", {name: _narrow(ranks) for name, ranks in integers.items()})
        if nncodec is not None:  # it expects outputs first
            exchanged = {name: _outputs_first(ranks) for name, ranks in integers.items()}
            tried = [_nncodec(nncodec, form) for form in (integers, exchanged)]
            row["peers"]["nncodec"] = min(tried, key=lambda found: int(found["bytes"]))
        rows.append(row)
    return rows


def _bfloat16(array: np.ndarray) -> np.ndarray:
    """Patterns of the nearest bfloat16, halves to even."""
    wide = array.view(np.uint32).astype(np.uint64)
    return ((wide + 0x7FFF + (wide >> 16 & 1)) >> 16).astype(np.uint16)


def _narrow(ranks: np.ndarray) -> np.ndarray:
    return ranks.astype(np.int8 if -128 <= ranks.min(initial=0) and ranks.max(initial=0) < 128 else np.int16)


def _outputs_first(array: np.ndarray) -> np.ndarray:
    """(h, w, in, out) as (out, in, h, w), (in, out) as (out, in)."""
    axes = list(range(array.ndim))
    return np.ascontiguousarray(array.transpose([axes[-1], axes[-2], *axes[:-2]]))


def _ranks(array: np.ndarray) -> np.ndarray:
    """Sign and rank: int64 of the array's shape, 0 for zeros."""
    values = np.unique(array[array != 0])
    negatives = int((values < 0).sum())
    rank = np.searchsorted(values, array) - negatives
    return np.where(array == 0, 0, np.where(array < 0, rank, rank + 1))


def _row(name: str, form: str, arrays: dict[str, np.ndarray], dtype: str | None = None) -> dict[str, Any]:
    tensors = [
        Tensor.of(key, array) if dtype is None else Tensor.of_bytes(key, dtype, array.shape, array.tobytes())
        for key, array in arrays.items()
    ]
    raw = b"".join(tensor.patterns.tobytes() for tensor in tensors)
    section = encode_network(tensors)
    blob = write_network_file(section)
    _decoded_elsewhere(blob, tensors)
    sizes = {
        tool: len(write_network_file(encode_network(tensors, positions=tool)))
        for tool in ("csr", "significance")
    }
    peers: dict[str, dict[str, float]] = {}
    ours = _seconds(lambda: encode_network(tensors)), _seconds(lambda: decode_network(section))
    for peer, (encode, decode) in _peers().items():
        found = encode(raw)
        assert decode(found) == raw
        runs = [
            partial(encode_network, tensors),
            partial(encode, raw),
            partial(decode_network, section),
            partial(decode, found),
        ]
        rounds = [[_seconds(run) for run in runs] for _ in range(RUNS)]
        medians = [statistics.median(column) for column in zip(*rounds, strict=True)]
        ours = medians[0], medians[2]
        peers[peer] = {
            "bytes": len(found),
            "encode_ratio": medians[0] / medians[1],
            "decode_ratio": medians[2] / medians[3],
        }
    return {
        "network": name,
        "form": form,
        "raw": len(raw),
        "bytes": len(blob),
        "bytes_csr": sizes["csr"],
        "bytes_significance": sizes["significance"],
        "encode_seconds": ours[0],
        "decode_seconds": ours[1],
        "peers": peers,
    }


def _peers() -> dict[str, tuple[Callable[[bytes], bytes], Callable[[bytes], bytes]]]:
    peers: dict[str, tuple[Callable[[bytes], bytes], Callable[[bytes], bytes]]] = {
        "zstd -19": (zstandard.ZstdCompressor(level=19).compress, zstandard.ZstdDecompressor().decompress),
        "xz -9e": (lambda data: lzma.compress(data, preset=9 | lzma.PRESET_EXTREME), lzma.decompress),
    }
    try:
        import brotli
    except ImportError:
        return peers
    return peers | {"brotli -q 11": (lambda data: brotli.compress(data, quality=11), brotli.decompress)}


def _seconds(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def _decoded_elsewhere(blob: bytes, tensors: list[Tensor]) -> None:
    """The file gives the same tensors back in a fresh process, or this ends."""
    with tempfile.TemporaryDirectory() as folder:
        file, weights = Path(folder, "network.mdl"), Path(folder, "network.safetensors")
        file.write_bytes(blob)
        command = [sys.executable, "-m", "mdlcodec", "unpack", str(file), "-o", str(weights), "--quiet"]
        subprocess.run(command, check=True)
        from safetensors import deserialize

        found = dict(deserialize(weights.read_bytes()))
    for tensor in tensors:
        data = bytes(found[tensor.name]["data"])
        assert data == tensor.patterns.tobytes(), f"{tensor.name} came back other than it was"


def _nncodec(python: str, integers: dict[str, np.ndarray]) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "integers.npz")
        np.savez(path, **{f"p{i}": ranks for i, ranks in enumerate(integers.values())})
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        output = subprocess.check_output(
            [python, "-W", "ignore", "-c", NNCODEC, str(path), folder], env=environment, text=True
        )
    found: dict[str, Any] = json.loads(output.splitlines()[-1])
    assert found.pop("same"), "nncodec gave other integers back"
    return found


def _table(results: dict[str, Any]) -> str:
    peers = ["zstd -19", "xz -9e", "brotli -q 11", "nncodec"]
    lines = [
        "# Network files",
        "",
        f"Made by `bench/networks.py`; {results['machine']}; versions {results['versions']}.",
        "Bytes of files; *csr* and *significance*: with that position tool alone. Ratios: our seconds through",
        f"the peer's, to compress, to decompress: medians of {RUNS} alternating runs on one thread. Integers are",
        "weights without biases, scales and codebooks; only they are what nncodec codes here.",
        "",
        "| network | form | raw | mdlcodec | csr | significance | s to pack / unpack | "
        + " | ".join(peers)
        + " | seconds through "
        + " / ".join(peers[:2])
        + " |",
        "|---|---|" + "---:|" * (6 + len(peers)),
    ]
    for row in sorted(results["rows"], key=lambda row: (row["network"], row["form"])):
        cells = [
            row["network"],
            row["form"],
            *(f"{row[key]:,}" for key in ("raw", "bytes", "bytes_csr", "bytes_significance")),
        ]
        cells.append(f"{row['encode_seconds']:.2f} / {row['decode_seconds']:.2f}")
        for peer in peers:
            found = row["peers"].get(peer)
            cells.append("-" if found is None else f"{found['bytes']:,}")
        ratios = [row["peers"][peer] for peer in peers[:2]]
        cells.append("; ".join(f"{r['encode_ratio']:.2g}, {r['decode_ratio']:.2g}" for r in ratios))
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
