"""Texts as files, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mdlcodec.exact.processor_state import entry

if TYPE_CHECKING:
    from collections.abc import Callable

    from typing_extensions import Unpack

    from mdlcodec.codes.options import Chosen
    from mdlcodec.report.text_result import TextResult


@entry
def encode_text(
    text: bytes,
    *,
    code: str = "auto",
    net: str = "auto",
    seed: int = 0,
    preset: int | None = None,
    max_work: int | None = None,
    max_memory: int | None = None,
    progress: Callable[[int, int, float], None] | None = None,
    **chosen: Unpack[Chosen],
) -> TextResult:
    """A text as a file that needs nothing else, with what is known of it: `mdlcodec.report.text_result.TextResult`.

    Args:
        text: bytes, any, none at all too (also bytearray, memoryview or an array of bytes).
        code, net: by name: prequential (net mixing, mixing-lstm, transformer or lstm), two-part (net
            transformer-small, transformer-medium, transformer, lstm-small or lstm) or uniform.
        seed: of random numbers, where the net has any.
        preset: 1 (fastest) to 9 (smallest); None is 5.
        max_work, max_memory: limits, in operations and in bytes; None are what decoders allow by default, and with
            code two-part as many operations as the preset asks for.
        progress: is called with the bytes that are coded, how many there are, and the ideal bits so far.
        chosen: with code two-part, what only the sender chooses, as in `mdlcodec.encode`: sparsify, strength, ..

    Raises:
        TypeError: for an option that does not exist.
        MdlcodecError: BadData for arguments that cannot be used, LimitExceeded (both in mdlcodec.errors).
    """
    from mdlcodec.codes import Options
    from mdlcodec.data.text import text_bytes
    from mdlcodec.files import text as texts
    from mdlcodec.files.runs import telling
    from mdlcodec.report.text_result import TextResult

    blob, run = texts.encode(
        text_bytes(text),
        code=code,
        net=net,
        preset=preset,
        seed=seed,
        options=Options.of(chosen),
        limits=texts.sending_limits(code, max_work, max_memory),
        watch=None if progress is None else telling(progress),
    )
    return TextResult.of(blob, run)


@entry
def decode_text(blob: bytes, *, max_work: int | None = None, max_memory: int | None = None) -> bytes:
    """The text in a file.

    Args:
        blob: the file's bytes (bytes, bytearray, memoryview or an array of bytes).
        max_work, max_memory: limits, in operations and in bytes; None are the program's defaults.

    Raises:
        MdlcodecError: CorruptFile, Unsupported, LimitExceeded (all in mdlcodec.errors).
    """
    from mdlcodec.files import text as texts
    from mdlcodec.files import text_file
    from mdlcodec.limits import Limits

    return texts.decode(text_file.parse(blob), limits=Limits.given(max_work, max_memory))[0]
