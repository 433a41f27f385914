"""The lint: what the receiver repeats uses only arithmetic that is the same on every machine.

The guard sees torch alone; this reads the sources for numpy, numba and plain Python (formats/arithmetic.md).
Exempt, by a comment on the line, is what only reports (an ideal codelength, say): ``# reported only``; what a
sender alone decides: ``# sender only``; and what has integer operands alone: ``# integers``.
"""

import ast
from pathlib import Path

import pytest

import mdlcodec

PACKAGE = Path(mdlcodec.__file__).parent
_MARKS = ("# reported only", "# sender only", "# integers")
FOLDERS = ("exact", "nets", "training", "codes", "entropy", "data", "weights")
# what a sender alone computes: training of networks that travel, and what changes weights before they are packed
SENDERS = (
    "training/sparsify",
    "training/variational",
    "training/convolution.py",
    "training/descent.py",
    "training/subspace/descent.py",
    "weights/dead_units.py",
    "weights/k_means.py",
    "weights/lossy.py",
    "weights/sequential_outputs.py",
)
REPEATED = sorted(
    path
    for folder in FOLDERS
    for path in (PACKAGE / folder).rglob("*.py")
    if not any(path.is_relative_to(PACKAGE / sender) for sender in SENDERS)
)
# math's functions on integers
ALLOWED_MATH = {"isqrt", "gcd", "prod", "ceil", "inf"}
FORBIDDEN_NUMPY = {
    "average", "bincount", "cbrt", "convolve", "corrcoef", "cos", "cosh", "cov", "cumprod", "cumsum", "dot",
    "einsum", "exp", "exp2", "expm1", "fft", "float_power", "hypot", "inner", "interp", "linalg", "log",
    "log10", "log1p", "log2", "logaddexp", "matmul", "mean", "median", "nanmean", "nansum", "outer",
    "percentile", "polyfit", "polyval", "power", "prod", "quantile", "random", "sin", "sinh", "std", "sum",
    "tan", "tanh", "tensordot", "trace", "trapezoid", "var", "vdot",
}  # fmt: skip
ALLOWED_RANDOM = {"Philox"}  # raw words alone
FORBIDDEN_TORCH = {
    "addcdiv", "addcmul", "addmm", "baddbmm", "bmm", "compile", "cos", "cumsum", "einsum", "erf", "exp",
    "layer_norm", "lerp", "log", "log_softmax", "matmul", "mean", "norm", "pow", "rand", "randint", "randn",
    "randperm", "rsqrt", "sigmoid", "sin", "softmax", "sqrt", "std", "sum", "tanh", "var",
}  # fmt: skip
FORBIDDEN_METHODS = {
    "cumsum",
    "dot",
    "lerp",
    "lerp_",
    "matmul",
    "mean",
    "prod",
    "softmax",
    "std",
    "sum",
    "var",
}


def _problems(tree: ast.AST, lines: list[str]) -> list[str]:
    found = []

    def report(node: ast.AST, what: str) -> None:
        line = lines[node.lineno - 1]
        if not any(mark in line for mark in _MARKS):
            found.append(f"line {node.lineno}: {what}")

    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            base = node.value
            if isinstance(base, ast.Name) and base.id == "math" and node.attr not in ALLOWED_MATH:
                report(node, f"math.{node.attr}")
            elif isinstance(base, ast.Name) and base.id == "np" and node.attr in FORBIDDEN_NUMPY - {"random"}:
                report(node, f"np.{node.attr}")
            elif (
                isinstance(base, ast.Attribute) and base.attr == "random" and node.attr not in ALLOWED_RANDOM
            ):
                report(node, f"random.{node.attr}")
            elif (
                isinstance(base, ast.Name)
                and base.id in ("torch", "functional")
                and node.attr in FORBIDDEN_TORCH
            ):
                report(node, f"torch.{node.attr}")
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            base = node.func.value
            if node.func.attr in FORBIDDEN_METHODS and not (
                isinstance(base, ast.Name) and base.id in ("np", "torch", "math")
            ):
                report(node, f".{node.func.attr}()")
        if isinstance(node, ast.ImportFrom) and node.module == "math":
            for name in node.names:
                if name.name not in ALLOWED_MATH:
                    report(node, f"from math import {name.name}")
        if isinstance(node, ast.ImportFrom) and node.module in ("numpy", "torch.nn", "torch.nn.functional"):
            report(node, f"from {node.module} import: the lint looks for np. and torch.")
        if isinstance(node, (ast.BinOp, ast.AugAssign)) and isinstance(node.op, ast.Pow):
            left = node.left if isinstance(node, ast.BinOp) else node.target
            right = node.right if isinstance(node, ast.BinOp) else node.value
            integers = all(isinstance(x, ast.Constant) and isinstance(x.value, int) for x in (left, right))
            if not integers:
                report(node, "**")
        if isinstance(node, (ast.BinOp, ast.AugAssign)) and isinstance(node.op, ast.MatMult):
            report(node, "@")
        if isinstance(node, ast.keyword) and node.arg == "fastmath":
            report(node.value, "fastmath")
    return found


@pytest.mark.parametrize("path", REPEATED, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_inexact_arithmetic(path):
    source = path.read_text()
    assert _problems(ast.parse(source), source.splitlines()) == []


@pytest.mark.parametrize(
    "line",
    [
        "import math\ny = math.cos(1.0)",
        "y = np.exp(x)",
        "y = x ** 0.5",
        "y = x.sum()",
        "y = a @ b",
        "y = torch.randn(3)",
        "y = np.random.default_rng(0)",
        "y = np.linalg.solve(a, b)",
        "@njit(fastmath=True)\ndef f(): pass",
        "from math import exp",
    ],
)
def test_the_lint_sees(line):
    assert _problems(ast.parse(line), line.splitlines())


def test_the_lint_lets_exact_things_pass():
    line = "y = np.sqrt(x) * 2 ** 3\nz = sum(sizes)\nw = np.random.Philox(1)\nv = np.log2(p).sum()  # reported only"
    assert _problems(ast.parse(line), line.splitlines()) == []
