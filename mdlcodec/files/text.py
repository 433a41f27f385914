"""A text becomes the bytes of a file, and the file becomes the text again (formats/text.md).

The order of checks when decoding: frame and checksum, version, known code, net and preset, the cost against the
limits; only then is anything allocated, and the digest of the text checked before anybody sees it.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from mdlcodec.container import TextHeader, text_digest, write_text_file
from mdlcodec.container.ids import HIGHEST_PRESET, LOWEST_PRESET
from mdlcodec.errors import BadData, CorruptFile
from mdlcodec.exact.processor_state import entry
from mdlcodec.files.curves import CurveRecord
from mdlcodec.files.runs import Plan, Run, Watch, announced
from mdlcodec.files.text_file import TextFile
from mdlcodec.limits import DEFAULT_LIMITS, Limits, integer

if TYPE_CHECKING:
    from mdlcodec.codes.options import Options

DEFAULT_TEXT_PRESET = 5
_MOST_SEED = (1 << 64) - 1


def sending_limits(code: str, max_work: int | None, max_memory: int | None) -> Limits:
    """A sender's, where the code of that name trains what it transmits; else a receiver's, whose work is as much.

    Raises BadData for an unknown code, and for what is no limit.
    """
    from mdlcodec.codes.text import text_code_named

    alone = text_code_named(code, "auto").is_trained_alone
    return (Limits.of_sender if alone else Limits.given)(max_work, max_memory)


@entry
def encode(
    text: bytes,
    *,
    code: str = "auto",
    net: str = "auto",
    preset: int | None = None,
    seed: int = 0,
    options: Options | None = None,
    limits: Limits = DEFAULT_LIMITS,
    watch: Watch | None = None,
) -> tuple[bytes, Run]:
    """The file of a text, and what it took; ``options``: what only the sender chooses, None for the code's own
    choices.

    Raises BadData for what cannot be coded, LimitExceeded before anything is allocated.
    """
    from mdlcodec.codes.options import NO_OPTIONS
    from mdlcodec.codes.text import TEXT_CODES, text_code_named

    preset = DEFAULT_TEXT_PRESET if preset is None else integer(preset, "preset")
    chosen = text_code_named(code, net, preset)
    if not LOWEST_PRESET <= preset <= HIGHEST_PRESET:
        raise BadData(f"preset {preset} of texts does not exist; choose {LOWEST_PRESET} to {HIGHEST_PRESET}")
    if not 0 <= integer(seed, "seed") <= _MOST_SEED:
        raise BadData(f"seed {seed} is not in 0..2^64-1; choose another")
    settings = chosen.settings(preset, seed)
    options = NO_OPTIONS if options is None else options.checked()
    for name in options.given():
        if name not in chosen.options:
            owners = " and ".join(dict.fromkeys(one.name for one in TEXT_CODES if name in one.options))
            of = f"is for --code {owners}" if owners else "is of labels"
            raise BadData(f"--code {chosen.name} of texts has no option {name}, which {of}; leave it out")
    chosen.check_options(options)
    cost, sending = chosen.cost(len(text), settings), chosen.sending_cost(len(text), settings, options)
    plan = Plan(chosen.name, chosen.net, settings, len(text), None, sending, cost)
    record = CurveRecord()
    progress, _ = announced(plan, len(text), limits, watch, record)
    start = time.perf_counter()
    encoded = chosen.encode(text, settings, progress, options)
    run = Run(encoded.ideal_bits, time.perf_counter() - start, curve=record.curve())
    header = TextHeader(
        code=chosen.number,
        net=chosen.net_number,
        preset=preset,
        seed=settings.seed,
        n=len(text),
        digest=text_digest(text),
    )
    return write_text_file(header, encoded.payload), run


@entry
def decode(
    file: TextFile, *, limits: Limits = DEFAULT_LIMITS, watch: Watch | None = None
) -> tuple[bytes, Run]:
    """The text of a file, and what it took.

    Raises LimitExceeded before anything is allocated, CorruptFile when another text came out than went in.
    """
    cost = file.code.cost(file.n, file.settings)
    plan = Plan(file.code.name, file.code.net, file.settings, file.n, None, cost, cost)
    progress, last = announced(plan, len(file.payload), limits, watch)
    start = time.perf_counter()
    text = file.code.decode(file.payload, file.n, file.settings, progress)
    if text_digest(text) != file.header.digest:
        raise CorruptFile(
            "another text was decoded than was encoded (their digests differ): the file is damaged, or this "
            "machine computes differently; fetch the file again, and report it if that does not help"
        )
    return text, Run(last[0], time.perf_counter() - start)
