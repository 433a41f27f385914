"""The levels of formats/mixing.md: contexts, sets, final sets, matches, sizes."""

from typing import NamedTuple

NAMES = """
order0 order1 order2 order3 order4 order5 order6 order7 order8 order9 order10 order12 order14 order16
word word_1 word_12 word_2 word_3 word_13 word_123 word_case_1 word_first word_gap word_gap_1 word_beginning
word_beginnings word_ending word_endings word_lengths word_initials word_line letters4 letters6 folded3 folded5
word_23 word_4 ending_gap word_capital
skip1 skip1_2 skip2_2 skip1_3 odd skip_word followed1 followed1_1 followed2 followed2_2 followed3 bytes1 bytes2
bytes3 bytes4
column above above_wide classes6 classes12 line_start indentation line_before
name name_1 name_12 name_sign bracket bracket_name tag tags attribute number
""".split()

ROWS = {
    **dict.fromkeys(("begun", "byte1", "met_first", "history2", "history4", "history_word"), 256),
    **dict.fromkeys(
        ("match", "byte2", "match_begun", "first", "structure", "byte3", "word_before", "word_hash"), 2048
    ),
    **dict.fromkeys(("runs", "lengths", "sentence", "tag", "run4", "run_word"), 2048),
    **dict.fromkeys(("met", "column"), 1024),
    **dict.fromkeys(("classes", "begun_class", "byte12"), 4096),
    "word": 512,
    "guesses": 729,
    "none": 1,
}


class Level(NamedTuple):
    """A row of the table "Levels"."""

    contexts: list
    mixers: list
    final: list
    matches: list
    buckets: int
    run_bits: int
    head_bits: int
    window_bits: int


_1 = "order1 order2 order3 order4 order6 word word_1".split()
_3 = _1 + "order5 skip1_2 followed1 classes6 order8".split()
_5 = [
    *_3,
    *"column word_12 word_2 followed2 word_first word_case_1 name tag word_ending word_beginning order7".split(),
    *"word_3 word_13 letters4 word_gap word_endings name_1 bracket".split(),
]
_7 = _5 + "order10 word_beginnings skip2_2 skip1_3 above word_initials folded5 followed3".split()
_9 = [
    *_7,
    *"tags line_start word_lengths word_23 ending_gap word_capital attribute indentation followed1_1".split(),
    *"word_line folded3 skip1 word_4 classes12 number".split(),
]
_SETS_1 = "begun byte1 match met byte2 match_begun first word guesses".split()
_SETS_5 = _SETS_1 + "classes structure runs history4 history_word lengths run4 byte3 begun_class".split()
_SETS_7 = [
    *"begun byte1 match met byte2 match_begun first word classes structure column byte3 word_before".split(),
    *"word_hash begun_class guesses runs met_first history2 history4 history_word lengths sentence tag".split(),
    *"run4 run_word byte12".split(),
]
_FINAL = "begun match_begun byte1".split()
_LEVELS = {
    1: Level(_1, _SETS_1, _FINAL[:2], [5, 12], 2, 18, 20, 24),
    3: Level(_3, _SETS_1, _FINAL[:2], [5, 12], 4, 19, 20, 25),
    5: Level(_5, _SETS_5, [*_FINAL, "none"], [5, 8, 14], 6, 19, 21, 24),
    7: Level(_7, _SETS_7, [*_FINAL, "met", "none"], [4, 7, 12, 20], 14, 20, 22, 26),
    9: Level(_9, _SETS_7, [*_FINAL, "met", "guesses", "none"], [4, 6, 9, 14, 24], 20, 20, 22, 26),
}
LEVELS = {number: _LEVELS[number - 1 + number % 2] for number in range(1, 10)}
