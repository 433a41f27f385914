"""What the classes of a label file stand for (formats/labels.md, "Values")."""

import itertools
import shutil
import subprocess
import tempfile

import numpy as np

from decoder.frame import Damaged, Reader, Unsupported

LIMIT = 1 << 24  # bytes of content, and of zstandard's window


def inflate(content):
    """The content of one zstandard frame without its magic; the standard library has none before 3.14."""
    tool = shutil.which("zstd")
    if tool is None:
        raise Unsupported("no zstandard here")
    with tempfile.TemporaryFile() as held:
        held.write(b"\x28\xb5\x2f\xfd" + content)
        held.seek(0)
        command = [tool, "-dcq", f"--memory={LIMIT >> 20}MiB"]
        with subprocess.Popen(command, stdin=held, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as run:
            inflated = run.stdout.read(LIMIT + 1)
            if len(inflated) > LIMIT:
                run.kill()
    if len(inflated) > LIMIT or run.returncode:
        raise Damaged("compressed values")
    return inflated


def of_integers(numbers, dtype):
    """Ascending integers as values of a dtype of numbers, which must hold them exactly."""
    if dtype.kind == "b":
        low, high = 0, 1
    elif dtype.kind == "f":
        high = min(int(np.finfo(dtype).max), 1 << 53)
        low = -high
    else:
        low, high = int(np.iinfo(dtype).min), int(np.iinfo(dtype).max)
    if numbers and not low <= numbers[0] <= numbers[-1] <= high:
        raise Damaged(f"values beyond {dtype}")
    values = np.array(numbers, np.uint64 if low == 0 else np.int64).astype(dtype)
    if [int(v) for v in values] != numbers:
        raise Damaged(f"values that {dtype} does not hold")
    return values


def of_strings(strings, width, order):
    """Strings as an array of numpy's U, of a width that is stored or that of the longest."""
    longest = max(1, *map(len, strings))
    if width is not None and width <= longest:
        raise Damaged("a width is not that of the longest string")
    if any(s.endswith("\0") for s in strings) or len(strings) * (width or longest) * 4 > 1 << 28:
        raise Damaged("strings")
    return np.array(strings, f"{order}U{width or longest}")


def check_order(values):
    """Ascending, NaNs last, distinct in their bits."""
    if values.dtype.kind == "f":
        bits = values.astype(values.dtype.newbyteorder("<")).view(f"<u{values.itemsize}").tolist()
        in_order = [bool(a <= b or np.isnan(b)) for a, b in itertools.pairwise(values)]
        if len(set(bits)) < len(bits) or not all(in_order):
            raise Damaged("values are not distinct and in order")
    elif not all(a < b for a, b in itertools.pairwise(values.tolist())):
        raise Damaged("values are not distinct and in order")


def plain_values(k, dtype):
    """The values 0, 1, .., k - 1."""
    if dtype.kind == "U":
        if k:
            raise Damaged("text has no values stored")
        return np.zeros(0, dtype)
    return of_integers(list(range(k)), dtype)


def read_values(r, dtype, k):
    """The values section."""
    first = r.byte()
    method, packed = first & 15, first & 128
    if first & 0x30 or method > 3:
        raise Unsupported("method of values")
    fits = {"U": (0, 1, 3), "b": (0, 1)}.get(dtype.kind, (0, 1, 2))
    if not k or method not in fits or (first & 64 and dtype.kind != "U"):
        raise Damaged("method of values")
    width = r.unsigned() if first & 64 else None
    content = Reader(inflate(r.take(r.unsigned()))) if packed else r
    if method == 2:
        values = np.frombuffer(content.take(k * dtype.itemsize), dtype.newbyteorder("<")).astype(dtype)
    elif method == 3:
        values = of_strings([content.text() for _ in range(k)], width, dtype.byteorder)
    else:
        numbers = [content.signed() if dtype.kind in "if" else content.unsigned()]
        for _ in range(k - 1):
            numbers.append(numbers[-1] + 1 + (content.unsigned() if method else 0))
        if dtype.kind != "U":
            values = of_integers(numbers, dtype)
        elif numbers[-1] > 0x10FFFF or any(0xD800 <= v < 0xE000 for v in numbers):
            raise Damaged("a character that does not exist")
        else:
            values = of_strings([chr(v) for v in numbers], width, dtype.byteorder)
    if packed and content.rest():
        raise Damaged("content left over")
    check_order(values)
    return values
