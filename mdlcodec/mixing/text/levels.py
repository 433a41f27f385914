"""What each level is made of: lists of contexts, selectors and sizes (formats/mixing.md, "Levels").

Which lists, and what they were chosen by: bench/results/text_choices.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from mdlcodec.mixing.text import corrections, matches, memories, mixers, networks, selectors
from mdlcodec.mixing.text.histories import NODES


@dataclass(frozen=True)
class Level:
    """A level. contexts: names of contexts.NAMES; mixers, final: names of selectors.NAMES; matches: shortest
    lengths; buckets: at most, in units of 2^20; run_bits, head_bits, window_bits: of the largest tables; speed:
    bytes a second on one core."""

    contexts: tuple[str, ...]
    mixers: tuple[str, ...]
    final: tuple[str, ...]
    matches: tuple[int, ...]
    buckets: int
    run_bits: int
    head_bits: int
    window_bits: int
    speed: int


_FAST = ("order1", "order2", "order3", "order4", "order6", "word", "word_1")
_LIGHT = (*_FAST, "order5", "skip1_2", "followed1", "classes6", "order8")
_DEFAULT = (
    *_LIGHT,
    *"column word_12 word_2 followed2 word_first word_case_1 name tag word_ending word_beginning".split(),
    *"order7 word_3 word_13 letters4 word_gap word_endings name_1 bracket".split(),
)
_SLOW = (*_DEFAULT, *"order10 word_beginnings skip2_2 skip1_3 above word_initials folded5 followed3".split())
_SLOWEST = (
    *_SLOW,
    *"tags line_start word_lengths word_23 ending_gap word_capital attribute indentation followed1_1".split(),
    *"word_line folded3 skip1 word_4 classes12 number".split(),
)
_FEW_SETS = ("begun", "byte1", "match", "met", "byte2", "match_begun", "first", "word", "guesses")
_MORE_SETS = (
    *_FEW_SETS,
    *"classes structure runs history4 history_word lengths run4 byte3 begun_class".split(),
)
_ALL_SETS = tuple(name for name in selectors.NAMES if name != "none")

_LEVEL_1 = Level(
    contexts=_FAST,
    mixers=_FEW_SETS,
    final=("begun", "match_begun"),
    matches=(5, 12),
    buckets=2,
    run_bits=18,
    head_bits=20,
    window_bits=24,
    speed=100_000,
)
_LEVEL_3 = Level(
    contexts=_LIGHT,
    mixers=_FEW_SETS,
    final=("begun", "match_begun"),
    matches=(5, 12),
    buckets=4,
    run_bits=19,
    head_bits=20,
    window_bits=25,
    speed=60_000,
)
_LEVEL_5 = Level(
    contexts=_DEFAULT,
    mixers=_MORE_SETS,
    final=("begun", "match_begun", "byte1", "none"),
    matches=(5, 8, 14),
    buckets=6,
    run_bits=19,
    head_bits=21,
    window_bits=24,
    speed=30_000,
)
_LEVEL_7 = Level(
    contexts=_SLOW,
    mixers=_ALL_SETS,
    final=("begun", "match_begun", "byte1", "met", "none"),
    matches=(4, 7, 12, 20),
    buckets=14,
    run_bits=20,
    head_bits=22,
    window_bits=26,
    speed=20_000,
)
_LEVEL_9 = Level(
    contexts=_SLOWEST,
    mixers=_ALL_SETS,
    final=("begun", "match_begun", "byte1", "met", "guesses", "none"),
    matches=(4, 6, 9, 14, 24),
    buckets=20,
    run_bits=20,
    head_bits=22,
    window_bits=26,
    speed=12_000,
)
LEVELS = {
    1: _LEVEL_1,
    2: _LEVEL_1,
    3: _LEVEL_3,
    4: _LEVEL_3,
    5: _LEVEL_5,
    6: _LEVEL_5,
    7: _LEVEL_7,
    8: _LEVEL_7,
    9: _LEVEL_9,
}
MOST_BYTES = 1 << 40


class Sizes(NamedTuple):
    """How many buckets there are, and binary logarithms of how long the other tables are."""

    buckets: int
    window: int
    run: int
    head: int


def sizes(level: Level, n: int) -> Sizes:
    """Of the tables for a text of n bytes: short texts have short ones."""
    bits = max(10, (max(n, 1) - 1).bit_length())
    return Sizes(
        buckets=min(level.buckets << 20, 1 << bits + (len(level.contexts) - 1).bit_length()),
        window=min(level.window_bits, bits),
        run=min(level.run_bits, bits),
        head=min(level.head_bits, bits + 1),
    )


def inputs(level: Level, network: bool = False) -> int:
    """Inputs of the mixers, without the constant one; ``network``: those of a network's distribution, too."""
    own = memories.INPUTS * len(level.contexts) + matches.INPUTS * len(level.matches)
    return own + (networks.INPUTS if network else 0)


def memory_bytes(level: int, n: int, network: bool = False) -> int:
    """Bytes of the tables that coding n bytes at a level (1..9) takes, but for some kilobytes, and for a network's
    own."""
    chosen = LEVELS[level]
    size = sizes(chosen, n)
    contexts = len(chosen.contexts)
    rows = 0
    outer = len(chosen.mixers) + int(network)
    for names, width in ((chosen.mixers, inputs(chosen, network) + 1), (chosen.final, outer + 1)):
        rows += sum(selectors.SIZES[name] for name in names) * (4 * mixers.filled(width) + 8)  # integers
    return (
        (1 << size.window)
        + 4 * NODES * size.buckets
        + (4 * contexts << size.run)
        + (4 * len(chosen.matches) << size.head)
        + rows
        + (4 * corrections.COUNT * corrections.CELLS << corrections.BITS)
    )


def seconds_forecast(level: int, n: int) -> float:
    """About the seconds that coding n bytes at a level (1..9) takes on one core, compilation not counted."""
    return 0.2 + n / LEVELS[level].speed
