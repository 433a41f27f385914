"""The microkernels of the int16 engine: tiles of sums of products of int16 pairs, written as LLVM IR.

One instruction of the processor multiplies int16 pairs and adds both products to an int32 (vpdpwssd with
AVX-512 VNNI, vpmaddwd before it); numba's own vectoriser does not find it. A tile has ROWS rows, whose
integers are read where they lie, and one or two vectors of LANES columns, which are packed for it.
"""

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.registry import cpu_target
from numba.extending import intrinsic

_FEATURES = frozenset(cpu_target.target_context.codegen().magic_tuple()[2].split(","))
# LANES: int32 sums in a vector register. ROWS: so many that two vectors of sums for each stay in registers
if "+avx512bw" in _FEATURES:
    LANES, ROWS = 16, 8
elif "+avx2" in _FEATURES:
    LANES, ROWS = 8, 4
else:
    LANES, ROWS = 4, 4
_PAIRWISE = {16: "llvm.x86.avx512.pmaddw.d.512", 8: "llvm.x86.avx2.pmadd.wd", 4: "llvm.x86.sse2.pmadd.wd"}

_i16, _i32, _i64, _float, _double = (
    ir.IntType(16),
    ir.IntType(32),
    ir.IntType(64),
    ir.FloatType(),
    ir.DoubleType(),
)
_sums, _pairs = ir.VectorType(_i32, LANES), ir.VectorType(_i16, 2 * LANES)
_floats, _doubles = ir.VectorType(_float, LANES), ir.VectorType(_double, LANES)


def _multiply_pairs(builder: Any, a: Any, b: Any) -> Any:
    """a[2i] b[2i] + a[2i+1] b[2i+1] for every lane i."""
    if "+sse2" in _FEATURES:
        kind = ir.FunctionType(_sums, [_pairs, _pairs])
        return builder.call(cgutils.get_or_insert_function(builder.module, kind, _PAIRWISE[LANES]), [a, b])
    wide = ir.VectorType(_i32, 2 * LANES)
    products = builder.mul(builder.sext(a, wide), builder.sext(b, wide))
    undefined = ir.Constant(wide, ir.Undefined)
    even = builder.shuffle_vector(products, undefined, ir.Constant(_sums, list(range(0, 2 * LANES, 2))))
    odd = builder.shuffle_vector(products, undefined, ir.Constant(_sums, list(range(1, 2 * LANES, 2))))
    return builder.add(even, odd)


def _load(builder: Any, address: Any, kind: Any, alignment: int) -> Any:
    value = builder.load(builder.inttoptr(address, ir.PointerType(kind)))
    value.align = alignment
    return value


def _store(builder: Any, value: Any, address: Any) -> None:
    builder.store(value, builder.inttoptr(address, ir.PointerType(value.type))).align = 4


def _at(builder: Any, address: Any, offset: int) -> Any:
    return builder.add(address, ir.Constant(_i64, offset))


def _everywhere(builder: Any, value: Any) -> Any:
    """A vector of LANES times the value."""
    undefined = ir.Constant(ir.VectorType(value.type, LANES), ir.Undefined)
    one = builder.insert_element(undefined, value, ir.Constant(_i32, 0))
    return builder.shuffle_vector(one, undefined, ir.Constant(_sums, [0] * LANES))


def _sum_of_products(builder: Any, vectors: int, operands: Any, initial: list[Any]) -> list[Any]:
    """The loop over pairs: initial sums, by row and vector, and what it adds to them."""
    rows, offsets, count, columns, stride = operands
    bases = [_load(builder, _at(builder, rows, 8 * m), _i64, 8) for m in range(ROWS)]
    before = builder.block
    body, done = builder.append_basic_block("pairs"), builder.append_basic_block("pairs.done")
    builder.branch(body)

    builder.position_at_end(body)
    k, panel = builder.phi(_i64), builder.phi(_i64)
    running = [builder.phi(_sums) for _ in initial]
    offset = _load(builder, builder.add(offsets, builder.shl(k, ir.Constant(_i64, 3))), _i64, 8)
    b = [_load(builder, _at(builder, panel, 4 * LANES * v), _pairs, 4) for v in range(vectors)]
    moved = []
    for m in range(ROWS):
        pair = _load(builder, builder.add(bases[m], offset), _i32, 2)
        a = builder.bitcast(_everywhere(builder, pair), _pairs)
        for v in range(vectors):
            moved.append(builder.add(running[m * vectors + v], _multiply_pairs(builder, a, b[v])))
    k_next, panel_next = _at(builder, k, 1), builder.add(panel, stride)
    starts = (ir.Constant(_i64, 0), columns, *initial)
    for phi, start, step in zip((k, panel, *running), starts, (k_next, panel_next, *moved), strict=True):
        phi.add_incoming(start, before)
        phi.add_incoming(step, body)
    builder.cbranch(builder.icmp_signed("<", k_next, count), body, done)
    builder.position_at_end(done)
    return moved


def _generated(body: Callable[..., None], arity: int) -> Any:
    """What numba wants of an intrinsic whose arguments are all integers."""

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        body(builder, *arguments)
        return context.get_dummy_value()

    return types.void(*[types.intp] * arity), generate


def _adding(vectors: int) -> Callable[..., None]:
    """Adds a tile of sums to memory.

    Arguments, all integers: address of ROWS int64 addresses of int16 rows; address of ``count`` int64 byte
    offsets, one for each pair of terms, the same for all rows; count, at least 1; address of the packed
    columns, int16 pairs (count, stride / 4, 2); stride in bytes; address of int32 (ROWS, vectors * LANES).
    """

    def body(builder: Any, rows: Any, offsets: Any, count: Any, columns: Any, stride: Any, sums: Any) -> None:
        places = [_at(builder, sums, 4 * LANES * i) for i in range(ROWS * vectors)]
        initial = [_load(builder, place, _sums, 4) for place in places]
        operands = rows, offsets, count, columns, stride
        final = _sum_of_products(builder, vectors, operands, initial)
        for value, place in zip(final, places, strict=True):
            _store(builder, value, place)

    @intrinsic
    def add(typingctx, rows, offsets, count, columns, stride, sums):  # type: ignore[no-untyped-def]
        return _generated(body, 6)

    function: Callable[..., None] = add
    return function


def _scaling(vectors: int, split: bool) -> Callable[..., None]:
    """Stores float32(sum * scale + 0.0) + bias.

    Arguments: rows, offsets, count, columns and stride as above; address of ROWS float64 scales; address of
    float32 bias; address of the first row of float32 outputs, and the distance between rows in bytes. With
    ``split`` the two vectors are the upper and the lower digits of the same columns.
    """
    outputs = 1 if split else vectors

    def body(
        builder: Any,
        rows: Any,
        offsets: Any,
        count: Any,
        columns: Any,
        stride: Any,
        scales: Any,
        bias: Any,
        out: Any,
        distance: Any,
    ) -> None:
        initial = [ir.Constant(_sums, [0] * LANES)] * (ROWS * vectors)
        final = _sum_of_products(builder, vectors, (rows, offsets, count, columns, stride), initial)
        added = [_load(builder, _at(builder, bias, 4 * LANES * v), _floats, 4) for v in range(outputs)]
        zero, radix = ir.Constant(_doubles, [0.0] * LANES), ir.Constant(_doubles, [128.0] * LANES)
        for m in range(ROWS):
            scale = _everywhere(builder, _load(builder, _at(builder, scales, 8 * m), _double, 8))
            row = builder.add(out, builder.mul(distance, ir.Constant(_i64, m)))
            values = [builder.sitofp(final[m * vectors + v], _doubles) for v in range(vectors)]
            if split:
                values = [builder.fadd(builder.fmul(values[0], radix), values[1])]
            for v, value in enumerate(values):
                # + 0.0: no negative zero
                rounded = builder.fptrunc(builder.fadd(builder.fmul(value, scale), zero), _floats)
                _store(builder, builder.fadd(rounded, added[v]), _at(builder, row, 4 * LANES * v))

    @intrinsic
    def scaled(typingctx, rows, offsets, count, columns, stride, scales, bias, out, distance):  # type: ignore[no-untyped-def]
        return _generated(body, 9)

    function: Callable[..., None] = scaled
    return function


add_one, add_two = _adding(1), _adding(2)
scaled_one, scaled_two, scaled_split = _scaling(1, False), _scaling(2, False), _scaling(2, True)
