"""What a pickle says, without doing it: an interpreter of its instructions that calls and imports nothing.

Classes and functions stay names, calls stay descriptions of calls, and nothing but short scalars is ever hashed,
so that work and memory are linear in the pickle's length.
"""

from __future__ import annotations

import io
import pickletools
from dataclasses import dataclass
from typing import Any

from mdlcodec.errors import BadData

_MOST_INSTRUCTIONS = 1 << 23  # some tens for each tensor; the larger checkpoints have a million
_BYTES_OF_AN_INSTRUCTION = 512  # at most, of what it leaves behind besides its text
_MEMO_READ = ("BINGET", "LONG_BINGET")
_MEMO_WRITTEN = ("BINPUT", "LONG_BINPUT")
_CONSTANTS: dict[str, object] = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
_SHORT = ("BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT")
_TEXTS = ("SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8")
_BYTES = ("SHORT_BINSTRING", "BINSTRING", "SHORT_BINBYTES", "BINBYTES", "BINBYTES8", "BYTEARRAY8")
_DICTS = ("collections.OrderedDict", "collections.defaultdict", "builtins.dict")
_KEY_BITS = 60  # integers beyond 2^61 - 1 hash as smaller ones do, all alike if somebody wants it
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


@dataclass(frozen=True, eq=False)
class Name:
    """A class or function, as ``module.name``."""

    path: str


@dataclass(frozen=True, eq=False)
class Persistent:
    """What lies outside of the pickle, by its identifier."""

    identifier: object


@dataclass(eq=False, repr=False)
class Call:
    """An object that a class or function would have made, and the state it would have been given."""

    function: str
    arguments: tuple[Any, ...]
    state: object = None


class NotUnderstood(Exception):
    """The pickle is damaged, or has instructions that no checkpoint needs; with a reason for people."""


def read_pickle(stream: io.BytesIO, memory: int) -> Any:
    """What the pickle at the stream's position says; the stream stands behind it afterwards.

    Dicts, lists, tuples, text, bytes and numbers are Python's; keys that are none of text, bytes and short
    numbers are `Call`. Raises NotUnderstood, and BadData for a pickle that takes more than ``memory`` bytes.
    """
    machine = _Machine()
    most = min(_MOST_INSTRUCTIONS, memory // _BYTES_OF_AN_INSTRUCTION)
    try:
        for count, (opcode, argument, _) in enumerate(pickletools.genops(stream)):
            if count >= most:
                raise BadData(
                    f"describes its objects in more than {most:,} instructions; save model.state_dict() alone, "
                    "or allow more with --max-memory"
                )
            if opcode.name == "STOP":
                return machine.stack.pop()
            machine.do(opcode.name, argument)
    except (ValueError, IndexError, KeyError, TypeError, OverflowError, MemoryError) as error:
        raise NotUnderstood("its pickle ends early or is malformed") from error
    raise NotUnderstood("its pickle has no end")


class _Machine:
    """The pickle machine's stack, marks and memo."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.marks: list[list[Any]] = []
        self.memo: dict[int, Any] = {}

    def do(self, name: str, argument: Any) -> None:
        """One instruction; NotUnderstood for those that checkpoints do not have."""
        stack = self.stack
        if name in _TEXTS or name in _SHORT:
            stack.append(argument)
        elif name in _MEMO_READ:
            stack.append(self.memo[argument])
        elif name in _MEMO_WRITTEN:
            self.memo[argument] = stack[-1]
        elif name == "MEMOIZE":
            self.memo[len(self.memo)] = stack[-1]
        elif name in _CONSTANTS:
            stack.append(_CONSTANTS[name])
        elif name in _BYTES:
            stack.append(argument.encode("latin-1") if isinstance(argument, str) else bytes(argument))
        elif name == "LONG4":
            stack.append(Call("builtins.int", ()))  # longer than any number of use
        elif name == "MARK":
            self.marks.append(stack)
            self.stack = []
        elif name in _TUPLES:
            items = tuple(stack[-_TUPLES[name] :])
            if len(items) < _TUPLES[name]:
                raise IndexError("the stack is empty")
            stack[-len(items) :] = [items]
        elif name not in ("PROTO", "FRAME"):
            self._build(name, argument)

    def _build(self, name: str, argument: Any) -> None:
        if name == "TUPLE":
            self._push(tuple(self._marked()))
        elif name == "EMPTY_DICT":
            self._push({})
        elif name in ("EMPTY_LIST", "EMPTY_SET"):
            self._push([])
        elif name == "FROZENSET":
            self._push(self._marked())
        elif name in ("APPEND", "APPENDS", "ADDITEMS"):
            items = [self.stack.pop()] if name == "APPEND" else self._marked()
            if isinstance(self.stack[-1], list):
                self.stack[-1].extend(items)
        elif name == "SETITEM":
            value, key = self.stack.pop(), self.stack.pop()
            self._set([key, value])
        elif name == "SETITEMS":
            self._set(self._marked())
        elif name == "POP":
            self.stack.pop()
        elif name == "GLOBAL":
            module, _, attribute = argument.partition(" ")
            self._push(_named(module, attribute))
        elif name == "STACK_GLOBAL":
            attribute, module = self.stack.pop(), self.stack.pop()
            if not isinstance(attribute, str) or not isinstance(module, str):
                raise TypeError("a name that is no text")
            self._push(_named(module, attribute))
        elif name == "BINPERSID":
            self._push(Persistent(self.stack.pop()))
        elif name in ("REDUCE", "NEWOBJ", "NEWOBJ_EX"):
            if name == "NEWOBJ_EX":
                self.stack.pop()
            arguments, function = self.stack.pop(), self.stack.pop()
            path = function.path if isinstance(function, Name) else None
            path = function.function if isinstance(function, Call) else path  # a function that is looked up
            if not isinstance(arguments, tuple) or path is None:
                raise TypeError("a call of what is no function")
            self._push(_called(path, arguments))
        elif name == "BUILD":
            state = self.stack.pop()
            if isinstance(self.stack[-1], Call):
                self.stack[-1].state = state
        else:
            raise NotUnderstood(f"its pickle has the instruction {name}")

    def _push(self, value: Any) -> None:
        self.stack.append(value)

    def _marked(self) -> list[Any]:
        """What was pushed behind the last mark."""
        items, self.stack = self.stack, self.marks.pop()
        return items

    def _set(self, items: list[Any]) -> None:
        held = self.stack[-1]
        if isinstance(held, dict):
            for key, value in zip(items[::2], items[1::2], strict=True):
                held[_key(key)] = value


def _named(module: str, attribute: str) -> Name:
    return Name(f"{'builtins' if module == '__builtin__' else module}.{attribute}")  # as protocol 2 calls it


def _key(key: object) -> object:
    """The key itself if its hash takes no time; else what stands for it."""
    if isinstance(key, int) and key.bit_length() > _KEY_BITS:
        return Call("builtins.int", ())
    if key is None or isinstance(key, str | bytes | int | float | Call):
        return key
    return Call(f"builtins.{type(key).__name__}", ())


def _called(function: str, arguments: tuple[Any, ...]) -> Any:
    if function not in _DICTS:
        return Call(function, arguments)
    made: dict[object, object] = {}
    if function != "collections.defaultdict" and arguments and isinstance(arguments[0], list):
        for pair in arguments[0]:  # protocols before the second
            key, value = pair
            made[_key(key)] = value
    return made
