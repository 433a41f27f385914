"""Files of real numbers against xz and against one Gaussian without inputs, each decoded in a fresh process.

    python bench/reals.py [SET ...] [CODE ...]         writes bench/results/reals.json and reals.md

Of sets or codes that are not named, where some are, the results stay as they are.

xz: `xz -9e` (lzma, preset 9 extreme) of the indices, as decimal text one a line, or less their smallest as the
narrowest unsigned integers that hold them; the shorter. Without inputs: this program's own file with every input 0,
and so under the source without inputs and what learns nothing.
"""

import json
import lzma
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np
from machine import machine
from sklearn.datasets import load_diabetes, make_friedman1

import mdlcodec
from mdlcodec.data.reals import reals_of_array

_RESULTS = Path(__file__).parent / "results"
_CODES = (
    ("uniform", "auto"),
    ("prequential", "kernel"),
    ("prequential", "mlp"),
    ("switching", "auto"),
    ("two-part", "mlp-32-32-tanh"),
)


def _teacher(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """A random 2-5-8-1 tanh network with noise 0.08, three decimals."""
    generator = np.random.default_rng(seed)
    x = generator.normal(size=(n, 2))
    hidden = x
    for inputs, outputs in ((2, 5), (5, 8), (8, 1)):
        weights, biases = generator.normal(size=(inputs, outputs)), 0.5 * generator.normal(size=outputs)
        hidden = hidden @ weights * (1.5 / np.sqrt(inputs)) + biases
        if outputs > 1:
            hidden = np.tanh(hidden)
    return x, np.round(hidden[:, 0] + 0.08 * generator.normal(size=n), 3)


def _sets() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    diabetes = load_diabetes()
    x, y = make_friedman1(2000, noise=0.5, random_state=0)
    return {
        "diabetes": (diabetes.data, diabetes.target),
        "friedman1": (x, np.round(y, 2)),
        "teacher 300": _teacher(300),
        "teacher 3000": _teacher(3000),
    }


def _xz(y: np.ndarray) -> tuple[int, str]:
    indices = reals_of_array(y, "npy").indices
    offsets = indices - indices.min()
    dtype = next(d for d in (np.uint8, np.uint16, np.uint32, np.uint64) if offsets.max() <= np.iinfo(d).max)
    ways = {
        "text": "\n".join(map(str, indices)).encode(),
        np.dtype(dtype).name: offsets.astype(dtype).tobytes(),
    }
    return min((len(lzma.compress(raw, preset=9 | lzma.PRESET_EXTREME)), name) for name, raw in ways.items())


def _file(x: np.ndarray, y: np.ndarray, code: str, net: str) -> dict[str, object]:
    """Bytes and seconds of a file that a fresh process decoded to the same values."""
    start = time.perf_counter()
    blob = mdlcodec.encode(x, y, code=code, net=net, target="reals")
    seconds = time.perf_counter() - start
    with tempfile.TemporaryDirectory() as folder:
        np.savez(f"{folder}/xy.npz", x=x, y=y)
        Path(folder, "file.mdl").write_bytes(blob)
        check = (
            "import sys, numpy as np, mdlcodec\n"
            "a = np.load(sys.argv[1] + '/xy.npz')\n"
            "found = mdlcodec.decode(open(sys.argv[1] + '/file.mdl', 'rb').read(), a['x'])\n"
            "assert found.tobytes() == a['y'].tobytes()\n"
        )
        subprocess.run([sys.executable, "-c", check, folder], check=True)
    return {"code": code, "net": net, "bytes": len(blob), "encode_seconds": round(seconds, 1)}


def main() -> None:
    """See the module."""
    path = _RESULTS / "reals.json"
    found = json.loads(path.read_text())["sets"] if path.exists() else {}
    sets = _sets()
    named = [name for name in sys.argv[1:] if name in sets] or list(sets)
    codes = {name for name in sys.argv[1:] if name not in sets} or {code for code, _ in _CODES}
    for name in named:
        x, y = sets[name]
        row = found.get(name)
        if row is None:
            xz, how = _xz(y)
            alone = _file(np.zeros((len(y), 1)), y, "prequential", "kernel")
            row = {"n": len(y), "xz": xz, "xz_of": how, "without_inputs": alone["bytes"], "files": []}
        held = {(file["code"], file["net"]): file for file in row["files"]}
        for code, net in _CODES:
            if code in codes or (code, net) not in held:
                held[code, net] = _file(x, y, code, net)
        found[name] = row | {"files": [held[pair] for pair in _CODES]}
        versions = {package: version(package) for package in ("numpy", "numba", "torch", "scikit-learn")}
        facts = {"machine": machine(), "versions": versions, "preset": 5, "seed": 0, "sets": found}
        path.write_text(json.dumps(facts, indent=1) + "\n")
        _RESULTS.joinpath("reals.md").write_text(_page(facts))
        print(name, found[name], flush=True)


def _page(facts: dict) -> str:
    lines = [
        "# Real numbers: bytes of whole files",
        "",
        "`python bench/reals.py`: preset 5, seed 0, each file decoded in a fresh process. xz: `xz -9e` of the "
        "integers, as text or as the smallest unsigned integers, the shorter. Without inputs: this program's own "
        f"file with every input 0. two-part: with mlp-32-32-tanh. {facts['machine']}, {facts['versions']}.",
        "",
        "| set | n | xz | without inputs | uniform | kernel | mlp | switching | two-part | best / without inputs |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name, row in facts["sets"].items():
        sizes = [file["bytes"] for file in row["files"]]
        missing = ["not measured"] * (len(_CODES) - len(sizes))
        cells = [row["n"], f"{row['xz']} ({row['xz_of']})", row["without_inputs"], *sizes, *missing]
        lines.append(
            f"| {name} | " + " | ".join(map(str, cells)) + f" | {min(sizes) / row['without_inputs']:.3f} |"
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
