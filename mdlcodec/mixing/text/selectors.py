"""Small contexts that choose rows of weights, for the mixers and for the mixers behind them."""

from __future__ import annotations

from mdlcodec.compiled import njit
from mdlcodec.mixing.text.contexts.lines import FIRST, START
from mdlcodec.mixing.text.contexts.structure import IN_TAG, open_tag, opener
from mdlcodec.mixing.text.contexts.symbols import BYTES, CLASSES, PENDING
from mdlcodec.mixing.text.contexts.words import FIRST as FIRST_WORD
from mdlcodec.mixing.text.contexts.words import LENGTH, LENGTHS, PREVIOUS, WORD
from mdlcodec.mixing.text.hashing import mix
from mdlcodec.mixing.text.memories import MET, MET_FIRST, RUNS

# rows of each
SIZES = {
    "begun": 256,
    "byte1": 256,
    "match": 2048,
    "met": 1024,
    "byte2": 2048,
    "match_begun": 2048,
    "first": 2048,
    "word": 512,
    "classes": 4096,
    "structure": 2048,
    "column": 1024,
    "byte3": 2048,
    "word_before": 2048,
    "word_hash": 2048,
    "begun_class": 4096,
    "guesses": 729,
    "runs": 2048,
    "met_first": 256,
    "history2": 256,
    "history4": 256,
    "history_word": 256,
    "lengths": 2048,
    "sentence": 2048,
    "tag": 2048,
    "run4": 2048,
    "run_word": 2048,
    "byte12": 4096,
    "none": 1,
}
NAMES = tuple(SIZES)


@njit(cache=True, _nrt=False)
def length_class(length):  # type: ignore[no-untyped-def]
    """The length of a match, in 0..7."""
    c = 0
    for edge in (0, 7, 11, 15, 23, 31, 63):
        if length > edge:
            c += 1
    return c


@njit(cache=True, _nrt=False)
def _run_byte(memories, k):  # type: ignore[no-untyped-def]
    """The byte that the run of context k expects, if it still may; else 0."""
    return memories.runs[k, memories.run_places[k]] & 255 if memories.run_slots[k] >= 0 else 0


@njit(cache=True, _nrt=False)
def fill(contexts, memories, at, bit, begun, guess, guesses, expected, length, out):  # type: ignore[no-untyped-def]
    """Writes the rows, int64 (len(NAMES),), in the order of NAMES, for a bit at position at.

    guess: 0 or 1 + the bit that the longest match expects, guesses: what all expect; expected: the byte that the
    longest match expects or 0; length: in 0..7, its class.
    """
    n = contexts.symbols.numbers
    b, kinds = n[BYTES], n[CLASSES]
    w = contexts.words.numbers
    votes, nodes = memories.votes, memories.nodes
    newest = b & 255
    met = votes[MET] * 31 // nodes.shape[0]
    out[0] = begun
    out[1] = newest
    out[2] = (length << 8) | expected
    out[3] = (met * 3 + guess) * 8 + bit
    out[4] = (bit << 8) | ((b >> 8) & 255)
    out[5] = (length << 8) | begun
    out[6] = (bit << 8) | contexts.lines.numbers[FIRST]
    out[7] = (min(w[LENGTH], 15) * 8 + bit) * 3 + (1 if w[LENGTH] > 0 else (2 if newest == 32 else 0))
    out[8] = kinds & 0xFFF
    inside = (opener(contexts.structure, 0) >> 4) & 7
    tag = min(contexts.structure.numbers[IN_TAG], 2) + (1 if open_tag(contexts.structure, 0) != 0 else 0)
    out[9] = (((inside << 2) | tag) << 6) | ((kinds & 7) << 3) | bit
    out[10] = min(at - contexts.lines.numbers[START], 127) * 8 + bit
    out[11] = (bit << 8) | ((b >> 16) & 255)
    out[12] = (bit << 8) | ((w[PREVIOUS] >> 40) & 255)
    out[13] = (bit << 8) | ((w[WORD] >> 40) & 255)
    out[14] = (begun << 4) | (kinds & 15) if n[PENDING] == 0 else begun << 4
    out[15] = guesses
    out[16] = ((min(votes[RUNS], 15) * 16) + min(votes[RUNS + 1], 15)) * 8 + bit
    out[17] = (votes[MET_FIRST] * 8 + bit) * 4 + guess
    out[18] = nodes[1] & 255
    out[19] = nodes[3] & 255
    out[20] = nodes[5] & 255
    out[21] = ((min(w[LENGTH], 15) << 4) | (w[LENGTHS] & 15)) * 8 + bit
    out[22] = (bit << 8) | ((w[FIRST_WORD] >> 40) & 255)
    out[23] = (bit << 8) | ((open_tag(contexts.structure, 0) >> 40) & 255)
    out[24] = (bit << 8) | _run_byte(memories, 3)
    out[25] = (bit << 8) | _run_byte(memories, 5)
    out[26] = (bit << 9) | ((mix(b & 0xFFFF, 0) >> 40) & 511)
    out[27] = 0
