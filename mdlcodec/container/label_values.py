"""The values that label classes stand for, as few bytes (formats/labels.md, "Values")."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import zstandard

from mdlcodec.container.frame import Reader, signed, unsigned
from mdlcodec.errors import BadData, CorruptFile, Unsupported
from mdlcodec.limits import DEFAULT_MEMORY, check_memory

Values = npt.NDArray[Any]

NUMBERS = ("?", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8")  # by dtype id
TEXT = 12
BIG_ENDIAN = 15

CONSECUTIVE, DIFFERENCES, RAW, STRINGS = range(4)  # methods
METHOD, WIDTH_STORED, COMPRESSED = 0x0F, 0x40, 0x80  # parts of the method byte

MAX_SECTION_BYTES = 1 << 24  # of values, uncompressed
MAX_ARRAY_BYTES = 1 << 28  # of the array of values
_COPIES = 4  # of that array, while a file is read and its form is tried
_ZSTD_LEVEL = 19
_ZSTD_MAX_WINDOW = 1 << 24
_INFLATE_STEP = 64  # bytes of input at a time: each makes 2 MiB at most (128 KiB a block of 4 bytes)
_EXACT_INTEGERS = 1 << 53
_LAST_CHARACTER, _SURROGATES = 0x10FFFF, range(0xD800, 0xE000)  # code points; surrogates are no characters


def encode_dtype(dtype: np.dtype[Any]) -> tuple[int, bytes]:
    """Id (0..15) of a label dtype, and the bytes that follow the form byte when the id is 15.

    BadData for a dtype that labels cannot have.
    """
    number = TEXT if dtype.kind == "U" else -1
    if dtype.kind in "biuf" and dtype.str[1:].replace("b1", "?") in NUMBERS:
        number = NUMBERS.index(dtype.str[1:].replace("b1", "?"))
    if number < 0:
        raise BadData(f"labels of dtype {dtype} cannot be coded: use booleans, integers, floats or text")
    if dtype.newbyteorder("<") == dtype:
        return number, b""
    return BIG_ENDIAN, bytes([number])


def decode_dtype(number: int, reader: Reader) -> np.dtype[Any]:
    """The dtype of an id (text: of width 1), reading what follows the form byte when the id is 15."""
    order = "<"
    if number == BIG_ENDIAN:
        number, order = reader.byte(), ">"
    if number > TEXT:
        raise Unsupported(
            f"labels of dtype {number}, which this program does not know: install a newer mdlcodec"
        )
    dtype = np.dtype(order + ("U1" if number == TEXT else NUMBERS[number]))
    if order == ">" and dtype.newbyteorder("<") == dtype:
        raise CorruptFile("damaged: big-endian labels of one byte")
    return dtype


def are_plain(values: Values) -> bool:
    """Whether values, (k,), are 0..k-1 and so need no bytes (floats: +0.0, 1.0, ...)."""
    return values.dtype.kind != "U" and _as_integers(values) == list(range(len(values)))


def plain(k: int, dtype: np.dtype[Any]) -> Values:
    """The values 0..k-1 of a dtype; CorruptFile if it cannot hold them. No text but for k = 0."""
    if dtype.kind == "U":
        if k:
            raise CorruptFile("damaged: text labels without their values")
        return np.empty(0, dtype=dtype)
    return _from_integers(list(range(k)), dtype)


def encode_values(values: Values) -> bytes:
    """The values section of k >= 1 sorted, distinct values of a label dtype; BadData if it cannot be written.

    All methods that apply are tried, the shortest is kept, the first of equals.
    """
    _check_order(values, BadData)
    width = b""
    flags = 0
    candidates = []
    if values.dtype.kind == "U":
        strings = _strings(values)
        integers = [ord(s) for s in strings] if all(len(s) == 1 for s in strings) else None
        encoded = [s.encode() for s in strings]
        candidates.append((STRINGS, b"".join(unsigned(len(s)) + s for s in encoded)))
        longest = max(1, max(len(s) for s in strings))
        if (stored := values.dtype.itemsize // 4) > longest:
            flags, width = WIDTH_STORED, unsigned(stored)
        _check_size(len(values), stored, BadData)
    else:
        integers = _as_integers(values)
        if values.dtype.kind != "b":
            candidates.append((RAW, values.astype(values.dtype.newbyteorder("<")).tobytes()))
    if integers is not None:
        first = _first(integers[0], values.dtype)
        steps = [b - a - 1 for a, b in pairwise(integers)]
        candidates.append((DIFFERENCES, first + b"".join(map(unsigned, steps))))
        if not any(steps):
            candidates.append((CONSECUTIVE, first))
    if max(len(content) for _, content in candidates) > MAX_SECTION_BYTES:
        raise BadData(f"the names of the classes take more than {MAX_SECTION_BYTES} bytes: shorten them")
    compressor = zstandard.ZstdCompressor(level=_ZSTD_LEVEL, write_content_size=False)
    options = []
    for method, content in sorted(candidates):
        options.append(bytes([method | flags]) + width + content)
        frame = compressor.compress(content)[4:]  # without zstandard's magic number
        options.append(bytes([method | flags | COMPRESSED]) + width + unsigned(len(frame)) + frame)
    return min(options, key=len)


def decode_values(reader: Reader, k: int, dtype: np.dtype[Any], memory: int = DEFAULT_MEMORY) -> Values:
    """The k >= 1 values of the values section that the reader stands at.

    dtype: from decode_dtype; text comes back in the width it had. CorruptFile unless the section is strictly
    valid, Unsupported for a method that is not known, LimitExceeded for text of more than ``memory`` bytes.
    """
    head = reader.byte()
    method = head & METHOD
    if head & ~(METHOD | WIDTH_STORED | COMPRESSED) or method > STRINGS:
        raise Unsupported(
            f"label values of method {head}, which this program does not know: install a newer one"
        )
    allowed = {"U": (CONSECUTIVE, DIFFERENCES, STRINGS), "b": (CONSECUTIVE, DIFFERENCES)}
    fits = method in allowed.get(dtype.kind, (CONSECUTIVE, DIFFERENCES, RAW))
    if not fits or (head & WIDTH_STORED and dtype.kind != "U"):
        raise CorruptFile("damaged: the method of the label values does not fit their dtype")
    width = reader.unsigned() if head & WIDTH_STORED else None
    source = Reader(_inflate(reader.take(reader.unsigned()))) if head & COMPRESSED else reader
    values = _decode_content(source, k, dtype, method, width, memory)
    if source is not reader and source.rest():
        raise CorruptFile("damaged: label values with bytes left over")
    _check_order(values, CorruptFile)
    return values


def _decode_content(
    reader: Reader, k: int, dtype: np.dtype[Any], method: int, width: int | None, memory: int
) -> Values:
    if method == RAW:
        return np.frombuffer(reader.take(k * dtype.itemsize), dtype=dtype.newbyteorder("<")).astype(dtype)
    if method == STRINGS:
        return _from_strings([_text(reader) for _ in range(k)], dtype, width, memory)
    integers = [reader.signed() if dtype.kind in "if" else reader.unsigned()]
    if method == CONSECUTIVE:
        integers.extend(range(integers[0] + 1, integers[0] + k))
    else:
        for _ in range(k - 1):
            integers.append(integers[-1] + 1 + reader.unsigned())
    if dtype.kind != "U":
        return _from_integers(integers, dtype)
    if integers[-1] > _LAST_CHARACTER or any(map(_SURROGATES.__contains__, integers)):
        raise CorruptFile("damaged: a label's character does not exist")
    return _from_strings([chr(i) for i in integers], dtype, width, memory)


def _first(value: int, dtype: np.dtype[Any]) -> bytes:
    return signed(value) if dtype.kind in "if" else unsigned(value)


def _as_integers(values: Values) -> list[int] | None:
    """The values as integers if they convert back to the same bits, else None."""
    if values.dtype.kind != "f":
        return [int(v) for v in values]
    with np.errstate(invalid="ignore"):  # signalling NaNs
        numbers = values.astype(np.float64)
    if not np.all(np.abs(numbers) <= _EXACT_INTEGERS):
        return None
    integers = [int(v) for v in numbers]
    return integers if _same(values, numbers.astype(np.int64).astype(values.dtype)) else None


def _from_integers(integers: list[int], dtype: np.dtype[Any]) -> Values:
    """Ascending integers as values of a numeric dtype; CorruptFile if it cannot hold them all exactly."""
    if dtype.kind == "b":
        smallest, largest = 0, 1
    elif dtype.kind == "f":
        largest = int(min(float(np.finfo(dtype.type).max), _EXACT_INTEGERS))
        smallest = -largest
    else:
        smallest, largest = int(np.iinfo(dtype).min), int(np.iinfo(dtype).max)
    if integers and not smallest <= integers[0] <= integers[-1] <= largest:
        raise CorruptFile(f"damaged: label values outside what {dtype} can hold")
    values = np.array(integers, dtype=np.uint64 if smallest == 0 else np.int64).astype(dtype)
    if dtype.kind == "f" and values.astype(np.float64).astype(np.int64).tolist() != integers:
        raise CorruptFile(f"damaged: label values that {dtype} cannot hold exactly")
    return values


def _strings(values: Values) -> list[str]:
    characters = np.frombuffer(values.tobytes(), dtype=f"{values.dtype.str[0]}u4")
    surrogates = (characters >= _SURROGATES.start) & (characters < _SURROGATES.stop)
    if np.any(surrogates | (characters > _LAST_CHARACTER)):  # numpy lets them in, and fails on the way out
        raise BadData("a label's text holds a character that does not exist in Unicode")
    return [str(v) for v in values]


def _text(reader: Reader) -> str:
    try:
        return reader.take(reader.unsigned()).decode()
    except UnicodeDecodeError as error:
        raise CorruptFile("damaged: a label's text is not UTF-8") from error


def _from_strings(strings: list[str], dtype: np.dtype[Any], width: int | None, memory: int) -> Values:
    longest = max(1, max(len(s) for s in strings))
    if width is not None and width <= longest:
        raise CorruptFile("damaged: the width of text labels does not exceed their longest")
    _check_size(len(strings), width or longest, CorruptFile)
    needed = _COPIES * 4 * len(strings) * (width or longest)
    check_memory(needed, memory, "the values of its labels take")
    values = np.array(strings, dtype=np.dtype(f"{dtype.str[0]}U{width or longest}"))
    if any(s.endswith("\0") for s in strings):
        raise CorruptFile("damaged: a label's text ends in a zero character")
    return values


def _check_size(k: int, width: int, error: type[Exception]) -> None:
    if k * width * 4 > MAX_ARRAY_BYTES:
        raise error(f"{k} class names of width {width} take more than {MAX_ARRAY_BYTES} bytes")


def _check_order(values: Values, error: type[Exception]) -> None:
    """Ascending, NaNs last, and no two with the same bits."""
    before, after = values[:-1], values[1:]
    with np.errstate(invalid="ignore"):  # signalling NaNs
        ordered = before < after
        if values.dtype.kind == "f":
            ordered |= (before == after) | np.isnan(after)
    if values.dtype.kind == "f":
        bits = np.ascontiguousarray(values).view(f"u{values.dtype.itemsize}")
        if len(np.unique(bits)) != len(bits):
            ordered = np.zeros(1, dtype=bool)
    if not np.all(ordered):
        raise error("the values of the labels are not distinct and in order")


def _same(a: Values, b: Values) -> bool:
    return a.dtype == b.dtype and a.tobytes() == b.tobytes()


def _inflate(frame: bytes) -> bytes:
    """One whole zstandard frame (without its magic number) of at most MAX_SECTION_BYTES of content."""
    inflater = zstandard.ZstdDecompressor(
        format=zstandard.FORMAT_ZSTD1_MAGICLESS, max_window_size=_ZSTD_MAX_WINDOW
    ).decompressobj()
    content = bytearray()
    consumed = 0
    try:
        while consumed < len(frame) and not inflater.eof:
            content += inflater.decompress(frame[consumed : consumed + _INFLATE_STEP])
            consumed += _INFLATE_STEP
            if len(content) > MAX_SECTION_BYTES:
                raise CorruptFile(f"damaged: label values inflate to more than {MAX_SECTION_BYTES} bytes")
    except zstandard.ZstdError as error:
        raise CorruptFile("damaged: the compressed label values cannot be read") from error
    if not inflater.eof or inflater.unused_data or consumed < len(frame):
        raise CorruptFile("damaged: the compressed label values do not end where they should")
    return bytes(content)
