"""Encodes or decodes small sets in a process of its own, under its environment.

    python portability_worker.py describe           prints what computes here, as JSON
    python portability_worker.py encode FOLDER      writes NAME.mdl of every set, and observed.json; networks that
                                                    only a sender trains are given (golden files)
    python portability_worker.py decode FOLDER      decodes every NAME.mdl, compares the labels

observed.json holds SHA-256 hashes, in the order of computation, of the inputs' features, of every block's
scores and of all weights after it, so that two of them show what differs first. It needs the program alone,
none of the tests' packages: test_portability.py and bench/portability.py run it under other interpreters too.
"""

import argparse
import hashlib
import json
import os
import platform
import sys
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import ModuleType

sys.path.insert(0, str(Path(__file__).parent.parent))

import numpy as np
import subspace_cases
import text_cases
import torch
import two_part_cases
import variational_cases
from label_sets import CASES, SWITCHED, first_examples, images
from numba import njit
from numba.core.registry import cpu_target

import mdlcodec
from mdlcodec import data
from mdlcodec.exact import threads
from mdlcodec.exact.engines import ENGINES
from mdlcodec.files import label_file
from mdlcodec.nn import exact_prediction
from mdlcodec.predictors import images as image_predictor
from mdlcodec.predictors import network_predictor, predictor_for

_CONTROL_STEPS = 40
# codes that transmit a network, which a sender alone trains
_TRANSMITTED = {"network": two_part_cases, "subspace": subspace_cases, "variational": variational_cases}


def _digest(array: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()


def observe(
    x: np.ndarray, y: np.ndarray, net: str, preset: int, seed: int
) -> tuple[dict[str, str], dict[str, str]]:
    """Hashes of everything computed, in its order; and of the weights at the end."""
    dataset = data.from_arrays(x, y)
    assert dataset.labels is not None
    inputs, classes, k = dataset.inputs, dataset.labels.classes, len(dataset.labels.values)
    seen = {"features": _digest(inputs.features)}
    predictor = predictor_for(net, inputs, preset).load().start(inputs, k, preset, seed)
    start = 0
    while start < inputs.n:
        for name, array in predictor.states().items():
            seen[f"{name} after {start} labels"] = _digest(array)
        stop = min(inputs.n, predictor.block_end(start))
        seen[f"scores of labels {start}..{stop - 1}"] = _digest(predictor.predict(start, stop))
        predictor.learn(start, stop, classes[start:stop])
        start = stop
    return seen, {name: _digest(array) for name, array in predictor.states().items()}


def _predicted(blob: bytes, x: np.ndarray) -> dict[str, str]:
    """Hashes of what a file's network computes, in its order."""
    file, inputs = label_file.parse(blob), data.from_arrays(x, None).inputs
    network = file.code.prepare(inputs, file.target, file.settings).network(file.payload)
    assert network is not None
    seen = {"features": _digest(inputs.features)}
    seen |= {name: _digest(array) for name, array in network[1].items()}
    return seen | {"scores": _digest(exact_prediction.exact_outputs(*network, inputs.features))}


def _numbers(first: int, shape: tuple[int, ...], scale: float) -> torch.Tensor:
    """Multiples of 2^-32 in -1/2..1/2, times a scale, float32."""
    raw = np.random.Philox(first).random_raw(int(np.prod(shape))) >> np.uint64(32)
    return torch.from_numpy(((raw / 2.0**32 - 0.5) * scale).astype(np.float32).reshape(shape))


def control() -> str:
    """Hash of weights after torch's own float32 training, which no one promises to be the same anywhere."""
    pixels, labels = images(64, 20)
    x = torch.from_numpy(pixels[:, None].astype(np.float32) / np.float32(255))
    y = torch.from_numpy(labels.astype(np.int64))
    filters, matrix = _numbers(1, (16, 1, 3, 3), 1.0), _numbers(2, (16 * 10 * 10, 4), 0.1)
    for tensor in (filters, matrix):
        tensor.requires_grad_()
    for _ in range(_CONTROL_STEPS):
        h = torch.nn.functional.conv2d(x, filters, padding=1)
        h = torch.nn.functional.max_pool2d(torch.relu(h), 2).flatten(1)
        loss = torch.nn.functional.cross_entropy(h @ matrix, y)
        gradients = torch.autograd.grad(loss, [filters, matrix])
        with torch.no_grad():
            for tensor, gradient in zip((filters, matrix), gradients, strict=True):
                tensor -= 0.1 * gradient
    return _digest(np.concatenate([t.detach().numpy().reshape(-1) for t in (filters, matrix)]))


@njit
def _multiply_add(a, b, c, out):
    for i in range(a.size):
        out[i] = a[i] * b[i] + c[i]


def contracted() -> int:
    """How many of 20,000 numba's a * b + c differ from numpy's two roundings: nonzero if it fuses them."""
    total = 0
    for dtype, bits in ((np.float32, np.uint32), (np.float64, np.uint64)):
        a, b, c = (
            ((np.random.Philox(key).random_raw(10000) >> np.uint64(11)) / 2.0**53 - 0.5).astype(dtype)
            for key in (1, 2, 3)
        )
        out = np.empty_like(a)
        _multiply_add(a, b, c, out)
        total += int(np.count_nonzero(out.view(bits) != (a * b + c).view(bits)))
    return total


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _numpy_features() -> list[str]:
    """numpy's optional instruction sets that are in use."""
    try:
        from numpy._core import _multiarray_umath as core
    except ImportError:  # numpy 1
        from numpy.core import _multiarray_umath as core
    return [name for name in core.__cpu_dispatch__ if core.__cpu_features__[name]]


def describe() -> dict[str, object]:
    """What computes here."""
    _, processor, features = cpu_target.target_context.codegen().magic_tuple()
    vectors = [
        name
        for name in ("sse2", "sse4.1", "avx2", "fma", "avx512bw", "avx512vnni", "neon", "sve")
        if f"+{name}" in features.split(",")
    ]
    packages = ("torch", "numpy", "numba", "llvmlite", "constriction")
    return {
        "machine": platform.machine(),
        "versions": {
            "python": platform.python_version(),
            **{name: _version(name) for name in packages},
            "torch": torch.__version__,
        },
        "engines": [*ENGINES, *(["cuda"] if torch.cuda.is_available() else [])],
        "threads": torch.get_num_threads(),
        "aten": torch.backends.cpu.get_cpu_capability(),
        "numpy": _numpy_features(),
        "numba": {"processor": processor, "features": vectors},
        "gpu": torch.cuda.get_device_name(0) if torch.cuda.is_available() else None,
    }


def _replace(module: ModuleType, name: str, value: int) -> None:
    """Another size of the program's own, which must change no byte."""
    if not hasattr(module, name):
        raise SystemExit(f"{module.__name__} has no {name} any more: this row would show nothing")
    setattr(module, name, value)


def main() -> None:
    """Does one action."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("action", choices=["describe", "encode", "decode"])
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--labels", type=int, help="the first so many of each set")
    parser.add_argument("--texts", nargs="*", default=list(text_cases.CASES), help="of these names")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--every", type=int, default=1, help="decode every so many files only")
    parser.add_argument("--predicted-at-once", type=int, help="the predictor's own choice by default")
    options = parser.parse_args()
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    if torch.get_num_threads() > 1:
        _replace(threads, "WORTH_A_THREAD", 1)  # these sets are too small to be shared out otherwise
    if options.predicted_at_once:
        _replace(network_predictor, "_PREDICTED_AT_ONCE", options.predicted_at_once)
        _replace(image_predictor, "_PREDICTED_AT_ONCE", options.predicted_at_once)
        _replace(exact_prediction, "_MOST_AT_ONCE", options.predicted_at_once)
    if options.action == "describe":
        print(json.dumps(describe()))
        return
    due = {file.name for i, file in enumerate(sorted(options.folder.glob("*.mdl"))) if i % options.every == 0}
    observed: dict[str, dict] = {"seen": {}, "weights": {}, "seconds": {}}
    for name, (x, y, net, preset) in CASES.items():
        x, y = x[: options.labels], y[: options.labels]
        file = options.folder / f"{name}.mdl"
        start = time.perf_counter()
        if options.action == "encode":
            file.write_bytes(mdlcodec.encode(x, y, net=net, preset=preset, seed=options.seed))
            observed["seconds"][name] = round(time.perf_counter() - start, 2)
            observed["seen"][name], observed["weights"][name] = observe(x, y, net, preset, options.seed)
        elif file.name in due and not np.array_equal(mdlcodec.decode(file.read_bytes(), x), y):
            raise SystemExit(f"{name}: other labels")
    for name, (x, y, preset, few) in SWITCHED.items():
        x, y = x[: options.labels], y[: options.labels]
        file = options.folder / f"switching, {name}.mdl"
        with first_examples(few):
            if options.action == "encode":
                file.write_bytes(mdlcodec.encode(x, y, code="switching", preset=preset, seed=options.seed))
            elif file.name in due and not np.array_equal(mdlcodec.decode(file.read_bytes(), x), y):
                raise SystemExit(f"switching, {name}: other labels")
    for code, cases in _TRANSMITTED.items():
        for name, case in cases.CASES.items():
            file = options.folder / f"{code} given, {name}.mdl"
            if options.action == "encode":
                blob = cases.recoded(case, (cases.GOLDEN / f"{name}.mdl").read_bytes())
                file.write_bytes(blob)
                observed["seen"][file.stem] = _predicted(blob, case.x)
            elif file.name in due and not np.array_equal(mdlcodec.decode(file.read_bytes(), case.x), case.y):
                raise SystemExit(f"{file.stem}: other labels")
    for name in options.texts:
        coded = text_cases.CASES[name]
        if coded.net not in ("auto", "mixing") and os.environ.get("MDLCODEC_ENGINE") == "cuda":
            continue  # networks over bytes are the CPU's alone
        file = options.folder / f"text, {name}.mdl"
        if options.action == "encode":
            file.write_bytes(coded.encoded())
        elif file.name in due and mdlcodec.decode_text(file.read_bytes()) != coded.text:
            raise SystemExit(f"{file.stem}: another text")
    if options.action == "encode":
        more = {"control": control(), "contracted": contracted(), "description": describe()}
        (options.folder / "observed.json").write_text(json.dumps(observed | more))


if __name__ == "__main__":
    main()
