"""What a module that receivers repeat may use: the rules that test_lint.py holds every such module to.

The guard sees torch alone; this reads sources for numpy, numba, torch and plain Python (formats/arithmetic.md). It
works by allow-list: what comes from outside the package must be listed here, under whatever name it was imported,
and so must every method that numpy's arrays and torch's tensors have. Exempt, by a comment on the line, is what
only reports (an ideal codelength, say): ``# reported only``; what a sender alone decides: ``# sender only``; and
what has integer operands alone: ``# integers``; a square root
where it is known to round correctly: ``# correctly rounded``.
"""

import ast

import numpy as np
import torch

_MARKS = ("# reported only", "# sender only", "# integers", "# correctly rounded")

# modules whose every name may be used: nothing in them computes with floats
_MODULES = set(
    """
    __future__ abc collections concurrent.futures contextlib contextvars copy csv dataclasses enum
    fcntl fractions functools gzip hashlib importlib inspect io itertools json llvmlite logging lzma
    numba.core.cgutils numba.types numbers os pathlib pickle pickletools PIL pyarrow re safetensors secrets shutil
    signal stat struct sys tempfile threading time tokenize types typing typing_extensions warnings weakref
    zipfile zlib zstandard
    """.split()
)
_OTHERS = set(
    """
    constriction.stream.model.Categorical constriction.stream.queue.RangeDecoder
    constriction.stream.queue.RangeEncoder ctypes.byref ctypes.c_char ctypes.c_char.in_dll ctypes.c_void_p
    ctypes.CDLL decimal.Decimal decimal.InvalidOperation math.ceil math.gcd
    math.inf math.isqrt math.prod numba.__version__ numba.config.NUMBA_NUM_THREADS
    numba.core.compiler.CompileResult numba.core.config numba.core.config.DISABLE_JIT numba.core.registry.cpu_target
    numba.core.serialize.dumps numba.extending.intrinsic numba.njit numba.uint64 operator.index
    sklearn.datasets.load_digits
    """.split()
)
_NUMPY = set(
    """
    __version__ abs all any append arange argmax argmin argsort array array_equal asarray ascontiguousarray
    bool_ clip concatenate count_nonzero dtype empty empty_like errstate finfo float16 float32 float64
    floating floor frexp frombuffer fromiter full full_like generic iinfo inf int16 int32 int64 int8 integer
    isfinite isnan ldexp
    lib.format ma.is_masked ma.MaskedArray maximum minimum nan ndarray newaxis nextafter ogrid ones pad
    random.Philox repeat rint searchsorted sort sqrt stack take tile timedelta64 triu_indices typing
    uint16 uint32 uint64 uint8 unique unsignedinteger where zeros zeros_like
    """.split()
)
_TORCH = set(
    """
    autocast autograd.set_detect_anomaly bool cat cuda.device_count cuda.get_device_name cuda.is_available device
    enable_grad float32 float64 from_numpy full get_default_dtype get_num_threads inf inference_mode int16 int32
    int64 int8 load nn.functional.pad no_grad ones ones_like set_default_dtype stack strided Tensor uint8
    utils._python_dispatch.TorchDispatchMode where zeros zeros_like
    """.split()
)
_NAMES = _OTHERS | {f"numpy.{name}" for name in _NUMPY} | {f"torch.{name}" for name in _TORCH}
# of arrays and tensors: they move, select, compare or convert values, and round at most once
_METHODS = set(
    """
    __contains__ __getitem__ __init__ __len__ __module__ absolute add all amax any astype backward byte
    byteswap clone compress contiguous copy copy_ cpu data detach device double dtype element_size expand
    flatten flip float fromhex hex index indices is_floating_point is_signed item max maximum min mode mul
    multiply name ndim new nonzero numel numpy outer partition permute reshape resolve_neg round shape
    size split stride sub T t take to tobytes tolist transpose type unfold values view
    """.split()
)
# of what is listed: what does not compute
_MEMBERS = set(
    """
    _rebuild apply ArrayLike CACHE_DIR codegen dispatcher NDArray read_array_header_1_0
    read_array_header_2_0 read_magic target_context write_array
    """.split()
)
_KNOWN_METHODS = set(dir(np.ndarray)) | set(dir(np.float64)) | set(dir(torch.Tensor))
# Python's own: sums of floats differ between its versions, hashes between processes
_BUILTINS = {"__import__", "eval", "exec", "hash", "pow", "sum"}


def _listed(name: str) -> bool:
    """Whether a dotted name may be used: it is listed, or of a module that is, or an allowed method of what is."""
    parts = name.split(".")
    starts = {".".join(parts[:i]) for i in range(1, len(parts) + 1)}
    if starts & _MODULES:
        return True
    return any(
        name == listed or set(name[len(listed) + 1 :].split(".")) <= _METHODS | _MEMBERS
        for listed in starts & _NAMES
    )


def _leads_to_listed(name: str) -> bool:
    """Whether something below a dotted name may be used: a module that is only passed through."""
    return any(listed.startswith(f"{name}.") for listed in _NAMES | _MODULES)


class _Names:
    """What the names that a module imports stand for."""

    def __init__(self, tree: ast.AST) -> None:
        self._outside: dict[str, str] = {}
        self.imported: list[tuple[ast.stmt, str]] = []
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                for name in node.names:
                    self.imported.append((node, name.name))
                    first = name.name.partition(".")[0]
                    self._outside[name.asname or first] = name.name if name.asname else first
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                module = node.module or ""
                for name in node.names:
                    self.imported.append((node, f"{module}.{name.name}"))
                    self._outside[name.asname or name.name] = f"{module}.{name.name}"
        self._outside = {k: v for k, v in self._outside.items() if v.partition(".")[0] != "mdlcodec"}
        self.imported = [(n, name) for n, name in self.imported if name.partition(".")[0] != "mdlcodec"]

    def resolved(self, node: ast.expr) -> str | None:
        """The dotted name that an expression stands for; None for what was not imported from outside."""
        if isinstance(node, ast.Name):
            return self._outside.get(node.id)
        if isinstance(node, ast.Attribute):
            base = self.resolved(node.value)
            return None if base is None else f"{base}.{node.attr}"
        return None


def problems(source: str) -> list[str]:
    """What a module's source uses that it may not, a line each."""
    tree, lines = ast.parse(source), source.splitlines()
    names, found = _Names(tree), []

    def report(node: ast.AST, what: str) -> None:
        if not any(mark in lines[node.lineno - 1] for mark in _MARKS):  # type: ignore[attr-defined]
            found.append(f"line {node.lineno}: {what}")  # type: ignore[attr-defined]

    for node, name in names.imported:
        if not (_listed(name) or _leads_to_listed(name)):
            report(node, f"import of {name}")
    handed_on = _handed_on(tree)
    inner = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    for node in ast.walk(tree):
        if isinstance(node, (ast.Attribute, ast.Name)) and (name := names.resolved(node)) is not None:
            if not (_listed(name) or (id(node) in inner and _leads_to_listed(name))):
                report(node, name)
        elif isinstance(node, ast.Attribute) and node.attr in _KNOWN_METHODS - _METHODS - set(dir(object)):
            ours = isinstance(node.value, ast.Attribute) and node.value.attr == "functions"  # exact.functions
            if id(node) in handed_on and not ours:
                report(node, f".{node.attr}()")
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in _BUILTINS:
            report(node, f"{node.id}()")
        if isinstance(node, ast.ImportFrom) and node.level > 0:
            report(node, "a relative import")
        # keywords that no one can read
        if isinstance(node, ast.Call) and any(
            keyword.arg is None and isinstance(keyword.value, ast.Dict) for keyword in node.keywords
        ):
            report(node, "** of a dictionary")
        if isinstance(node, ast.Call) and names.resolved(node.func) == "numpy.argsort":
            if not any(keyword.arg == "kind" for keyword in node.keywords):
                report(node, "numpy.argsort without kind")
        if isinstance(node, (ast.BinOp, ast.AugAssign)) and isinstance(node.op, ast.Pow):
            left = node.left if isinstance(node, ast.BinOp) else node.target
            right = node.right if isinstance(node, ast.BinOp) else node.value
            if not all(isinstance(x, ast.Constant) and isinstance(x.value, int) for x in (left, right)):
                report(node, "**")
        if isinstance(node, (ast.BinOp, ast.AugAssign)) and isinstance(node.op, ast.MatMult):
            report(node, "@")
        # fused or reordered sums; an operation with a factor of its own
        if isinstance(node, ast.keyword) and node.arg in ("fastmath", "parallel", "alpha"):
            report(node.value, f"{node.arg}=")
    return found


def _handed_on(tree: ast.AST) -> set[int]:
    """Expressions that are called, or given a name, or given to a call: by id."""
    found: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            found |= {id(node.func), *map(id, node.args)}
        elif (
            isinstance(node, (ast.Assign, ast.AnnAssign, ast.NamedExpr, ast.Return))
            and node.value is not None
        ):
            found.add(id(node.value))
    return found
