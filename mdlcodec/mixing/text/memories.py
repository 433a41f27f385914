"""What is remembered of each context, and the mixer's inputs that follow from it.

Of every context: a bit history and the last bits in its bucket, each with an adaptive probability; the byte that
came last, and how often in a row (a run); and, where a level says so, a direct probability for each bit.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from mdlcodec.compiled import njit
from mdlcodec.mixing.text.contexts import NAMES
from mdlcodec.mixing.text.hashing import mix
from mdlcodec.mixing.text.histories import COUNTS, NODES, START, START_RECENT, find, stepped
from mdlcodec.mixing.text.probabilities import HALF, learned
from mdlcodec.mixing.text.tables import STRETCH

INPUTS = 5  # of a context, without the direct one
MET, MET_FIRST, RUNS = 0, 1, 2  # places in votes
_LIMIT, _DIRECT_LIMIT = 1023, 255  # of counts: of histories and last bits; of runs and direct probabilities
_RUNS = 512  # entries of a context's runs: length, bit, expected bit
# whether a history has one kind of bit only
CERTAIN = (((COUNTS == 0).any(1)) & ((COUNTS != 0).any(1))).astype(np.int32)


class Memories(NamedTuple):
    """Of c contexts, d of them with direct probabilities. table: uint16, buckets (histories.find); active: int64
    (c,), indices of contexts.NAMES; hashes, bases, slots: int64 (c,); of_history, of_recent: uint32 (256 c,); runs:
    uint32 (c, 2^r), byte, count and check; of_run: uint32 (512 c,); run_places, run_slots: int64 (c,); direct_of:
    int64 (d,), positions in active; direct: uint32 (d, 16 2^b); direct_places: int64 (d,). Of the bit at hand:
    nodes: int64 (c,); votes: int64 (4,), contexts that were met, those of the first six, and runs that expect 0 and
    1."""

    table: npt.NDArray[np.uint16]
    active: npt.NDArray[np.int64]
    hashes: npt.NDArray[np.int64]
    bases: npt.NDArray[np.int64]
    slots: npt.NDArray[np.int64]
    of_history: npt.NDArray[np.uint32]
    of_recent: npt.NDArray[np.uint32]
    runs: npt.NDArray[np.uint32]
    of_run: npt.NDArray[np.uint32]
    run_places: npt.NDArray[np.int64]
    run_slots: npt.NDArray[np.int64]
    direct_of: npt.NDArray[np.int64]
    direct: npt.NDArray[np.uint32]
    direct_places: npt.NDArray[np.int64]
    nodes: npt.NDArray[np.int64]
    votes: npt.NDArray[np.int64]


def new_memories(
    names: tuple[str, ...], direct: tuple[str, ...], buckets: int, run_bits: int, direct_bits: int
) -> Memories:
    """Empty ones of the contexts of these names, some of which have direct probabilities: so many buckets for
    all, 2^run_bits runs for each, 2^direct_bits nibbles of direct probabilities for each."""
    c, d = len(names), len(direct)
    return Memories(
        np.zeros(NODES * buckets, np.uint16),
        np.array([NAMES.index(name) for name in names], np.int64),
        np.zeros(c, np.int64),
        np.zeros(c, np.int64),
        np.zeros(c, np.int64),
        np.tile(START, c),
        np.tile(START_RECENT, c),
        np.zeros((c, 1 << run_bits), np.uint32),
        np.full(_RUNS * c, HALF, np.uint32),
        np.zeros(c, np.int64),
        np.zeros(c, np.int64),
        np.array([names.index(name) for name in direct], np.int64),
        np.full((d, 16 << direct_bits), HALF, np.uint32),
        np.zeros(d, np.int64),
        np.zeros(c, np.int64),
        np.zeros(4, np.int64),
    )


@njit(cache=True, _nrt=False)
def begin(memories, contexts):  # type: ignore[no-untyped-def]
    """Before a byte, whose contexts have the hashes int64 (len(NAMES),)."""
    run_mask = memories.runs.shape[1] - 1
    for k in range(memories.active.shape[0]):
        h = mix(contexts[memories.active[k]], memories.active[k])
        memories.hashes[k] = h
        memories.bases[k] = find(memories.table, h)
        place = (h >> 16) & run_mask
        memories.run_places[k] = place
        if (memories.runs[k, place] >> 16) != ((h >> 40) & 0xFFFF):
            memories.runs[k, place] = ((h >> 40) & 0xFFFF) << 16
    _place_direct(memories, 0)


@njit(cache=True, _nrt=False)
def _place_direct(memories, begun):  # type: ignore[no-untyped-def]
    places = memories.direct.shape[1] >> 4
    for d in range(memories.direct_of.shape[0]):
        h = mix(memories.hashes[memories.direct_of[d]], begun)
        memories.direct_places[d] = ((h >> 20) & (places - 1)) << 4


@njit(cache=True, _nrt=False)
def halfway(memories, begun):  # type: ignore[no-untyped-def]
    """Between the two nibbles of a byte; begun: its first four bits, 1 in front."""
    for k in range(memories.active.shape[0]):
        memories.bases[k] = find(memories.table, mix(memories.hashes[k], begun))
    _place_direct(memories, begun)


@njit(cache=True, _nrt=False)
def fill(memories, bit, begun, node, x):  # type: ignore[no-untyped-def]
    """Writes the inputs for bit number `bit` of a byte, whose bits so far are begun, those of the nibble node (1 in
    front)."""
    votes = memories.votes
    votes[:] = 0
    for k in range(memories.active.shape[0]):
        slot = memories.bases[k] + node
        memories.slots[k] = slot
        seen = np.int64(memories.table[slot])
        history = seen & 255
        memories.nodes[k] = seen
        p = np.int64(memories.of_history[k * 256 + history]) >> 10
        logit = STRETCH[p >> 10]
        j = INPUTS * k
        x[j] = logit
        x[j + 1] = x[j + 2] = x[j + 3] = x[j + 4] = 0
        if history:
            votes[MET] += 1
            if k < 6:
                votes[MET_FIRST] += 1
            x[j + 1] = (p - (1 << 21)) >> 11
            x[j + 2] = STRETCH[memories.of_recent[k * 256 + (seen >> 8)] >> 20]
            x[j + 3] = logit * CERTAIN[history]
        run: Any = np.int64(memories.runs[k, memories.run_places[k]])
        count, byte = (run >> 8) & 255, run & 255
        memories.run_slots[k] = -1
        if count and ((byte | 256) >> (8 - bit)) == begun:
            expected = (byte >> (7 - bit)) & 1
            votes[RUNS + expected] += 1
            slot = k * _RUNS + (min(count, 31) << 4) + (bit << 1) + expected
            memories.run_slots[k] = slot
            x[j + 4] = STRETCH[memories.of_run[slot] >> 20]
    j = INPUTS * memories.active.shape[0]
    for d in range(memories.direct_of.shape[0]):
        x[j + d] = STRETCH[memories.direct[d, memories.direct_places[d] + node] >> 20]


@njit(cache=True, _nrt=False)
def learn(memories, bit, node):  # type: ignore[no-untyped-def]
    """Takes a bit."""
    for k in range(memories.active.shape[0]):
        seen = memories.nodes[k]
        h, r = k * 256 + (seen & 255), k * 256 + (seen >> 8)
        memories.of_history[h] = learned(np.int64(memories.of_history[h]), bit, _LIMIT)
        memories.of_recent[r] = learned(np.int64(memories.of_recent[r]), bit, _LIMIT)
        slot = memories.slots[k]
        memories.table[slot] = stepped(
            np.int64(memories.table[slot]), bit
        )  # two contexts may have one bucket
        if memories.run_slots[k] >= 0:
            s = memories.run_slots[k]
            memories.of_run[s] = learned(np.int64(memories.of_run[s]), bit, _DIRECT_LIMIT)
    for d in range(memories.direct_of.shape[0]):
        place = memories.direct_places[d] + node
        memories.direct[d, place] = learned(np.int64(memories.direct[d, place]), bit, _DIRECT_LIMIT)


@njit(cache=True, _nrt=False)
def update(memories, byte):  # type: ignore[no-untyped-def]
    """After a byte: its runs."""
    for k in range(memories.active.shape[0]):
        run: Any = np.int64(memories.runs[k, memories.run_places[k]])
        count = (run >> 8) & 255
        count = min(count + 1, 255) if count and (run & 255) == byte else 1
        memories.runs[k, memories.run_places[k]] = (run & 0xFFFF0000) | (count << 8) | byte
