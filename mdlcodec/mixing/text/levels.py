"""What each level is made of: lists of contexts, selectors and sizes (formats/mixing.md, "Levels")."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Level:
    """A level. contexts, direct: names of contexts.NAMES; mixers, final: names of selectors.NAMES; matches: shortest
    lengths; table_bits: 2 to that power buckets of 32 bytes at most; run_bits, direct_bits: at most."""

    contexts: tuple[str, ...]
    direct: tuple[str, ...]
    mixers: tuple[str, ...]
    final: tuple[str, ...]
    matches: tuple[int, ...]
    table_bits: int
    run_bits: int
    direct_bits: int
    rates: tuple[int, int, int] = (800, 20, 2000)
    final_rates: tuple[int, int, int] = (100, 10, 2000)
    settings: tuple[int, ...] = (1023, 255, 6)


_FAST = "order1 order2 order3 order4 order6 word".split()
_MIDDLE = (
    "order1 order2 order3 order4 order5 order6 word word_1 order8 skip1_2 followed1 classes6 column word_12 word_2 "
    "followed2 word_first word_case_1 name tag word_ending word_beginning"
).split()
_SLOW = (
    "order7 order10 word_3 word_13 letters4 word_gap word_endings word_beginnings skip2_2 skip1_3 name_1 bracket "
    "above word_initials folded5 followed3 tags line_start word_lengths"
).split()
LEVELS = {
    1: Level(
        tuple(_FAST), ("order1", "order2"), ("begun", "byte1", "match", "known"), ("begun",), (6,), 22, 16, 16
    ),
    5: Level(
        tuple(_MIDDLE),
        ("order1", "order2", "order3", "word"),
        ("begun", "byte1", "match", "known", "byte2", "match_begun", "first", "word", "classes", "structure"),
        ("begun", "match_begun", "byte1"),
        (5, 8, 14),
        24,
        18,
        16,
    ),
    9: Level(
        tuple(_MIDDLE + _SLOW),
        ("order1", "order2", "order3", "order4", "word"),
        tuple(
            "begun byte1 match known byte2 match_begun first word classes structure column byte3 word_before "
            "word_hash begun_class".split()
        ),
        ("begun", "match_begun", "byte1", "byte2", "known"),
        (4, 6, 9, 14, 24),
        25,
        20,
        18,
    ),
}
