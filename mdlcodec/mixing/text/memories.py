"""What is remembered of each context, and the mixer's inputs that follow from it.

Of every context: the byte that came last, and how often in a row (a run); once another one came, buckets of nodes,
with a bit history, which has an adaptive probability, and a probability of their own. As long as only one byte
came, the run says what the nodes would be: most contexts of a text are met once, and take no bucket.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from mdlcodec.compiled import njit
from mdlcodec.mixing.text.contexts import NAMES
from mdlcodec.mixing.text.hashing import mix
from mdlcodec.mixing.text.histories import ALIKE, COUNTS, NODES, START, found, made, share, stepped, walked
from mdlcodec.mixing.text.probabilities import HALF, learned
from mdlcodec.mixing.text.tables import STRETCH

INPUTS = 5  # of a context
MET, MET_FIRST, RUNS = 0, 1, 2  # places in votes
_LIMIT, _RUN_LIMIT = 1023, 255  # of counts: of histories; of runs
_RUNS = 512  # entries of a context's runs: length, bit, expected bit
# whether a history has one kind of bit only
CERTAIN = (((COUNTS == 0).any(1)) & ((COUNTS != 0).any(1))).astype(np.int32)


class Memories(NamedTuple):
    """Of c contexts. table: uint32, buckets (histories.found); active: int64 (c,), indices of contexts.NAMES;
    hashes, first, buckets, slots: int64 (c,), of the byte, its first bucket and that of the nibble (-1: none), the
    place of the bit's node or -1; of_history: uint32 (256 c,); runs: uint32 (c, 2^r), byte, count and check;
    of_run: uint32 (512 c,); run_places, run_slots: int64 (c,). Of the bit at hand: nodes: int64 (c,); votes: int64
    (4,), contexts that were met, those of the first six, and runs that expect 0 and 1."""

    table: npt.NDArray[np.uint32]
    active: npt.NDArray[np.int64]
    hashes: npt.NDArray[np.int64]
    first: npt.NDArray[np.int64]
    buckets: npt.NDArray[np.int64]
    slots: npt.NDArray[np.int64]
    of_history: npt.NDArray[np.uint32]
    runs: npt.NDArray[np.uint32]
    of_run: npt.NDArray[np.uint32]
    run_places: npt.NDArray[np.int64]
    run_slots: npt.NDArray[np.int64]
    nodes: npt.NDArray[np.int64]
    votes: npt.NDArray[np.int64]


def new_memories(names: tuple[str, ...], buckets: int, run_bits: int) -> Memories:
    """Empty ones of the contexts of these names: so many buckets for all, 2^run_bits runs for each."""
    c = len(names)
    return Memories(
        np.zeros(NODES * buckets, np.uint32),
        np.array([NAMES.index(name) for name in names], np.int64),
        np.zeros(c, np.int64),
        np.zeros(c, np.int64),
        np.zeros(c, np.int64),
        np.zeros(c, np.int64),
        np.tile(START, c),
        np.zeros((c, 1 << run_bits), np.uint32),
        np.full(_RUNS * c, HALF, np.uint32),
        np.zeros(c, np.int64),
        np.zeros(c, np.int64),
        np.zeros(c, np.int64),
        np.zeros(4, np.int64),
    )


@njit(cache=True, _nrt=False)
def _run_place(runs, hashed):  # type: ignore[no-untyped-def]
    """The place of a context's run in runs, uint32 (2^r,): of two the one with its check, else the one with the
    lower count, which is given up for it."""
    place: Any = (hashed >> 16) & (runs.shape[0] - 1)
    check = (hashed >> 40) & 0xFFFF
    if (runs[place] >> 16) == check:
        return place
    other = place ^ 1
    if (runs[other] >> 16) == check:
        return other
    if ((runs[other] >> 8) & 255) < ((runs[place] >> 8) & 255):
        place = other
    runs[place] = check << 16
    return place


@njit(cache=True, _nrt=False)
def begin(memories, contexts):  # type: ignore[no-untyped-def]
    """Before a byte, whose contexts have the hashes int64 (len(NAMES),)."""
    for k in range(memories.active.shape[0]):
        h = mix(contexts[memories.active[k]], memories.active[k])
        memories.hashes[k] = h
        memories.first[k] = memories.buckets[k] = found(memories.table, h)
        memories.run_places[k] = _run_place(memories.runs[k], h)


@njit(cache=True, _nrt=False)
def halfway(memories, begun):  # type: ignore[no-untyped-def]
    """Between the two nibbles of a byte; begun: its first four bits, 1 in front."""
    for k in range(memories.active.shape[0]):
        memories.buckets[k] = found(memories.table, mix(memories.hashes[k], begun))


@njit(cache=True, _nrt=False)
def fill(memories, bit, begun, node, x):  # type: ignore[no-untyped-def]
    """Writes the inputs for bit number `bit` of a byte, whose bits so far are begun, those of the nibble node (1 in
    front)."""
    votes = memories.votes
    votes[:] = 0
    for k in range(memories.active.shape[0]):
        run: Any = np.int64(memories.runs[k, memories.run_places[k]])
        count, byte = (run >> 8) & 255, run & 255
        holds = count != 0 and ((byte | 256) >> (8 - bit)) == begun
        expected = (byte >> (7 - bit)) & 1
        seen: Any = np.int64(0)
        slot = np.int64(-1)
        if memories.buckets[k] >= 0:
            slot = memories.buckets[k] + node
            seen = np.int64(memories.table[slot])
        elif holds:
            seen = np.int64(ALIKE[count, expected])
        memories.slots[k], memories.nodes[k] = slot, seen
        history = seen & 255
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
            x[j + 2] = STRETCH[share(seen) >> 6]
            x[j + 3] = logit * CERTAIN[history]
        memories.run_slots[k] = -1
        if holds:
            votes[RUNS + expected] += 1
            slot = k * _RUNS + (min(count, 31) << 4) + (bit << 1) + expected
            memories.run_slots[k] = slot
            x[j + 4] = STRETCH[memories.of_run[slot] >> 20]


@njit(cache=True, _nrt=False)
def learn(memories, bit):  # type: ignore[no-untyped-def]
    """Takes a bit."""
    for k in range(memories.active.shape[0]):
        h = k * 256 + (memories.nodes[k] & 255)
        memories.of_history[h] = learned(np.int64(memories.of_history[h]), bit, _LIMIT)
        slot = memories.slots[k]
        if slot >= 0:
            # two contexts may have one bucket
            memories.table[slot] = stepped(np.int64(memories.table[slot]), bit)
        if memories.run_slots[k] >= 0:
            s = memories.run_slots[k]
            memories.of_run[s] = learned(np.int64(memories.of_run[s]), bit, _RUN_LIMIT)


@njit(cache=True, _nrt=False)
def _broken(memories, k, byte, old, count):  # type: ignore[no-untyped-def]
    """The run of context k, old so often, was followed by byte: makes the buckets that are missing."""
    h = memories.hashes[k]
    if memories.first[k] < 0 and found(memories.table, h) < 0:
        walked(memories.table, made(memories.table, h, old >> 4, count), byte >> 4)
    h = mix(h, (old >> 4) | 16)
    if found(memories.table, h) < 0:
        bucket = made(memories.table, h, old & 15, count)
        if (old >> 4) == (byte >> 4):
            walked(memories.table, bucket, byte & 15)


@njit(cache=True, _nrt=False)
def update(memories, byte):  # type: ignore[no-untyped-def]
    """After a byte: its runs, and buckets for those that broke."""
    for k in range(memories.active.shape[0]):
        run: Any = np.int64(memories.runs[k, memories.run_places[k]])
        count, old = (run >> 8) & 255, run & 255
        if count != 0 and old == byte:
            count = min(count + 1, 255)
        else:
            if count != 0:
                _broken(memories, k, byte, old, count)
            count = 1
        memories.runs[k, memories.run_places[k]] = (run & 0xFFFF0000) | (count << 8) | byte
