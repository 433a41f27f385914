"""Work that idle threads take over in parts, without the interpreter: what numba's kernels need for it.

A job is a kernel, its arguments, and a count; threads take ranges of 0..count until none is left. The one that
offers the job works too and waits for nobody who has not begun: a thread that does not wake costs nothing.
"""

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from mdlcodec.compiled import njit
from mdlcodec.exact.known_answers import NUMBERS, rounds_right

# fields of a job, int64, each on a cache line of its own
NEXT, ACTIVE, FUNCTION, ARGUMENTS, COUNT, RANGE, FAILED, ANSWERS = 0, 8, 16, 24, 32, 40, 48, 56
FIELDS = 64
NOTHING = 1 << 62  # NEXT when no job is on offer
WRONG_STATE = 1 << 32  # in FAILED: a thread did not round as all others do

_i64 = ir.IntType(64)
_CALLED = ir.FunctionType(_i64, [_i64] * 3)


def _pointer(builder: Any, job: Any, field: Any) -> Any:
    address = builder.add(job, builder.shl(field, ir.Constant(_i64, 3)))
    return builder.inttoptr(address, ir.PointerType(_i64))


@intrinsic
def load(typingctx, job, field):  # type: ignore[no-untyped-def]
    """A field of the job at an address, after everything that came before it was stored."""

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        return builder.load_atomic(_pointer(builder, *arguments), "seq_cst", 8)

    return types.int64(types.int64, types.int64), generate


@intrinsic
def store(typingctx, job, field, value):  # type: ignore[no-untyped-def]
    """Sets a field, after everything that came before it."""

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        job, field, value = arguments
        builder.store_atomic(value, _pointer(builder, job, field), "seq_cst", 8)
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, types.int64), generate


@intrinsic
def add(typingctx, job, field, value):  # type: ignore[no-untyped-def]
    """Adds to a field; returns what it was."""

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        job, field, value = arguments
        return builder.atomic_rmw("add", _pointer(builder, job, field), value, "seq_cst")

    return types.int64(types.int64, types.int64, types.int64), generate


@intrinsic
def _call(typingctx, function, arguments, first, last):  # type: ignore[no-untyped-def]
    """Calls what `entry` gave the address of; 1 if it raised, else 0."""

    def generate(context, builder, signature, values):  # type: ignore[no-untyped-def]
        function, *rest = values
        return builder.call(builder.inttoptr(function, ir.PointerType(_CALLED)), rest)

    return types.int64(*[types.int64] * 4), generate


@intrinsic
def entry(typingctx, kernel, arguments):  # type: ignore[no-untyped-def]
    """(address of a function that calls kernel(*arguments, first, last), address of the arguments).

    The arguments stay in the caller's frame, so a job must end before its caller does.
    """
    kinds = (*arguments.types, types.int64, types.int64)
    kernel.get_call_type(typingctx, kinds, {})

    def generate(context, builder, signature, given):  # type: ignore[no-untyped-def]
        compiled = kernel.dispatcher.overloads[kinds]
        context.add_linking_libs([compiled.library])
        packed = context.get_value_type(arguments)
        name = f"shared.{compiled.fndesc.mangled_name}"
        function = cgutils.get_or_insert_function(builder.module, _CALLED, name)
        if not function.blocks:
            function.linkage = "internal"
            inner = ir.IRBuilder(function.append_basic_block())
            address, first, last = function.args
            everything = inner.load(inner.inttoptr(address, ir.PointerType(packed)))
            parts = cgutils.unpack_tuple(inner, everything, len(arguments))
            values = [*parts, first, last]
            status, _ = context.call_internal_no_propagate(inner, compiled.fndesc, compiled.signature, values)
            inner.ret(inner.zext(status.is_error, _i64))
        kept = cgutils.alloca_once_value(builder, given[1])
        pair = builder.ptrtoint(function, _i64), builder.ptrtoint(kept, _i64)
        return context.make_tuple(builder, types.UniTuple(types.int64, 2), pair)

    return types.UniTuple(types.int64, 2)(kernel, arguments), generate


@njit(cache=True, nogil=True)
def take_part(job: int) -> None:
    """Works on the job at that address until no range is left."""
    add(job, ACTIVE, 1)
    took = False
    while True:
        part = add(job, NEXT, 1)
        # only a number below NOTHING proves that the other fields are those of the job on offer
        if part >= NOTHING:
            break
        count, each = load(job, COUNT), load(job, RANGE)
        first = part * each
        if first >= count:
            break
        took = True
        failed = _call(load(job, FUNCTION), load(job, ARGUMENTS), first, min(count, first + each))
        if failed != 0:
            add(job, FAILED, failed)
    if took and not rounds_right(load(job, ANSWERS)):
        add(job, FAILED, WRONG_STATE)
    add(job, ACTIVE, -1)


@njit(cache=True, nogil=True)
def share(job: int, function: int, arguments: int, count: int, each: int) -> int:
    """Offers ranges of ``each`` of 0..count, works until none is left, and waits for those taken.

    Returns how many ranges raised an error; WRONG_STATE or more if a thread's state of the processor is not that
    of formats/arithmetic.md.
    """
    if not rounds_right(load(job, ANSWERS)):
        return WRONG_STATE
    store(job, FAILED, 0)
    store(job, FUNCTION, function)
    store(job, ARGUMENTS, arguments)
    store(job, COUNT, count)
    store(job, RANGE, each)
    store(job, NEXT, 0)
    take_part(job)
    store(job, NEXT, NOTHING)
    while load(job, ACTIVE) != 0:
        pass
    return load(job, FAILED)


@njit(cache=True, nogil=True)
def stand_by(job: int, patience: int) -> None:
    """Takes part in whatever is offered, until nothing was for so many looks, or this thread rounds otherwise."""
    looks = 0
    while looks < patience:
        if load(job, NEXT) < NOTHING:
            if not rounds_right(load(job, ANSWERS)):
                return
            take_part(job)
            looks = 0
        looks += 1


def new_job() -> np.ndarray:
    """Fields of a job without work, int64; its address names it."""
    fields = np.zeros(FIELDS, np.int64)
    fields[NEXT], fields[ANSWERS] = NOTHING, NUMBERS
    return fields
