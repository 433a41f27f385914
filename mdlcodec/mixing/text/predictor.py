"""The predictor: each bit from what came before it, and what is learned from it. Both directions share it.

Kernels here are compiled with `_nrt=False`: they allocate nothing, and numba would count references to arrays, by
atomic additions, at every attribute of a tuple: that took three quarters of the time.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from mdlcodec.compiled import njit
from mdlcodec.entropy.numba_coder import decode_split, encode_split
from mdlcodec.mixing.text import contexts as context_kinds
from mdlcodec.mixing.text import corrections as correction_kinds
from mdlcodec.mixing.text import matches as match_models
from mdlcodec.mixing.text import memories as memory_kinds
from mdlcodec.mixing.text import mixers as mixer_kinds
from mdlcodec.mixing.text import networks, selectors
from mdlcodec.mixing.text.contexts.symbols import BYTES
from mdlcodec.mixing.text.contexts.words import WORD
from mdlcodec.mixing.text.hashing import mix
from mdlcodec.mixing.text.levels import Level, inputs, sizes
from mdlcodec.mixing.text.tables import INPUT_LIMIT, LIMIT, SQUASH

_fill_contexts, _update_contexts = context_kinds.fill, context_kinds.update
_begin, _halfway, _fill_memories = memory_kinds.begin, memory_kinds.halfway, memory_kinds.fill
_learn_memories, _update_memories = memory_kinds.learn, memory_kinds.update
_search, _fill_matches = match_models.search, match_models.fill
_learn_matches, _update_matches = match_models.learn, match_models.update
_MATCH_INPUTS = match_models.INPUTS
_fill_network = networks.fill  # integers
_MEMORY_INPUTS = memory_kinds.INPUTS
_mixed, _learn_mixers = mixer_kinds.mixed, mixer_kinds.learn
_correct, _learn_corrections = correction_kinds.correct, correction_kinds.learn
_fill_selectors, _length_class = selectors.fill, selectors.length_class
_LEAST = 64  # of 2^24: what a bit has at least
_CONSTANT = 256  # the last input
_START = 4  # the sum of the initial weights
_RATES = (400, 10)  # what is added at first, and what remains
_FINAL_RATES = (400, 30)


class Predictor(NamedTuple):
    """Everything that is learned. text: uint8 (2^w,), the last bytes, position p at p modulo 2^w; at: int64 (1,),
    bytes so far; x, final_x: int32, inputs of the mixers, and of those behind them; hashes, rows: int64, contexts
    and selectors of the bit at hand; of_mixers, of_final: int64, the selectors in use."""

    text: npt.NDArray[np.uint8]
    at: npt.NDArray[np.int64]
    contexts: context_kinds.Contexts
    memories: memory_kinds.Memories
    matches: match_models.Matches
    x: npt.NDArray[np.int32]
    final_x: npt.NDArray[np.int32]
    hashes: npt.NDArray[np.int64]
    rows: npt.NDArray[np.int64]
    of_mixers: npt.NDArray[np.int64]
    of_final: npt.NDArray[np.int64]
    mixers: mixer_kinds.Mixers
    final: mixer_kinds.Mixers
    corrections: correction_kinds.Corrections


def new_predictor(level: Level, n: int, network: bool = False) -> Predictor:
    """For a text of n bytes; ``network``: a network's distributions are given with them."""
    size, given = sizes(level, n), inputs(level, network)
    of_mixers = [selectors.NAMES.index(name) for name in level.mixers]
    of_final = [selectors.NAMES.index(name) for name in level.final]
    x = np.zeros(mixer_kinds.filled(given + 1), np.int32)
    outer = len(of_mixers) + int(network)
    final_x = np.zeros(mixer_kinds.filled(outer + 1), np.int32)
    x[given] = final_x[outer] = _CONSTANT
    rows = list(selectors.SIZES.values())
    one = mixer_kinds.WEIGHT_ONE
    return Predictor(
        np.zeros(1 << size.window, np.uint8),
        np.zeros(1, np.int64),
        context_kinds.new_contexts(),
        memory_kinds.new_memories(level.contexts, size.buckets, size.run),
        match_models.new_matches(level.matches, size.head),
        x,
        final_x,
        np.zeros(len(context_kinds.NAMES), np.int64),
        np.zeros(len(rows), np.int64),
        np.array(of_mixers, np.int64),
        np.array(of_final, np.int64),
        mixer_kinds.new_mixers([rows[s] for s in of_mixers], given, _START * one // given, _RATES),
        mixer_kinds.new_mixers([rows[s] for s in of_final], outer, one // outer, _FINAL_RATES),
        correction_kinds.new_corrections(),
    )


@njit(cache=True, _nrt=False)
def _longest(matches):  # type: ignore[no-untyped-def]
    """Length class and expected byte of the longest match that still holds."""
    length, expected = 0, 0
    for m in range(matches.shortest.shape[0]):
        if matches.expected[m] != 0 and matches.lengths[m] > length:
            length, expected = matches.lengths[m], matches.expected[m] & 255
    return _length_class(length), expected


@njit(cache=True, _nrt=False)
def _choose(predictor, bit, begun, guess, guesses):  # type: ignore[no-untyped-def]
    """Sets the rows of both mixers."""
    length, expected = _longest(predictor.matches)
    rows = predictor.rows
    at = predictor.at[0]
    memories = predictor.memories
    _fill_selectors(predictor.contexts, memories, at, bit, begun, guess, guesses, expected, length, rows)
    for s in range(predictor.of_mixers.shape[0]):
        predictor.mixers.chosen[s] = predictor.mixers.offsets[s] + rows[predictor.of_mixers[s]]
    for s in range(predictor.of_final.shape[0]):
        predictor.final.chosen[s] = predictor.final.offsets[s] + rows[predictor.of_final[s]]


@njit(cache=True, _nrt=False)
def _corrected(predictor, logit, begun):  # type: ignore[no-untyped-def]
    """The probability after corrections, 22 bits."""
    b = predictor.contexts.symbols.numbers[BYTES]
    where = predictor.corrections.contexts
    where[0] = begun
    where[1] = ((b & 255) << 8) | begun
    where[2] = (mix(b & 0xFFFFFF, begun) >> 20) & 0xFFFF
    where[3] = (mix(predictor.contexts.words.numbers[WORD], begun) >> 20) & 0xFFFF
    where[4] = (mix(b & 0xFFFF, begun) >> 20) & 0xFFFF
    _correct(predictor.corrections, logit)
    r = predictor.corrections.results
    p = SQUASH[logit + LIMIT]
    return (2 * p + r[0] + r[1] + 2 * r[2] + r[3] + r[4]) >> 3


@njit(cache=True, _nrt=False)
def code(predictor, state, words, decode, block, probabilities, given):  # type: ignore[no-untyped-def]
    """Codes block, uint8 (b,), or decodes into it; state and words are those of entropy/numba_coder.py.

    probabilities: uint32 (8 b,), what the bits that came had, of 2^24; given: what a network expects of the bytes,
    int64 (b, 512) as `networks.bit_sums` has it, or (0, 512) without one.
    """
    x, final_x, memories, matches = predictor.x, predictor.final_x, predictor.memories, predictor.matches
    mask = predictor.text.shape[0] - 1
    match_from = _MEMORY_INPUTS * memories.active.shape[0]
    sets = predictor.of_mixers.shape[0]
    network_from = match_from + _MATCH_INPUTS * matches.shortest.shape[0]
    for i in range(block.shape[0]):
        at = predictor.at[0]
        _search(matches, predictor.text, mask, at)
        _fill_contexts(predictor.contexts, predictor.text, mask, at, predictor.hashes)
        _begin(memories, predictor.hashes)
        byte: Any = np.int64(block[i])
        begun: Any = 1
        node: Any = 1
        for bit in range(8):
            _fill_memories(memories, bit, begun, node, x)
            guess, guesses = _fill_matches(matches, bit, begun, x[match_from:])
            if given.shape[0]:
                _fill_network(given[i], begun, x[network_from:])
                final_x[sets] = x[network_from]
            _choose(predictor, bit, begun, guess, guesses)
            _mixed(predictor.mixers, x)
            for s in range(sets):
                final_x[s] = min(INPUT_LIMIT, max(-INPUT_LIMIT, predictor.mixers.logits[s]))
            logit = _mixed(predictor.final, final_x)
            p = _corrected(predictor, logit, begun) << 2
            p = min((1 << 24) - _LEAST, max(_LEAST, p))
            if decode:
                y = np.int64(decode_split(state, words, p))
            else:
                y = (byte >> (7 - bit)) & 1
                encode_split(state, words, y, p)
            probabilities[8 * i + bit] = p if y else (1 << 24) - p
            _learn_mixers(predictor.mixers, x, y)
            _learn_mixers(predictor.final, final_x, y)
            _learn_memories(memories, y)
            _learn_matches(matches, y)
            _learn_corrections(predictor.corrections, y)
            begun = (begun << 1) | y
            node = (node << 1) | y
            if bit == 3:
                node = 1
                _halfway(memories, begun)
        byte = begun & 255
        block[i] = byte
        _update_memories(memories, byte)
        _update_matches(matches, predictor.text, mask, byte)
        predictor.text[at & mask] = byte
        predictor.at[0] = at + 1
        _update_contexts(predictor.contexts, byte, at)
