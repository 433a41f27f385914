"""What is remembered of each context, and the mixer's inputs that follow from it.

Of every context: a bit history and the last bits in its bucket, each with an adaptive probability; and the byte that
came last with how often in a row (a run). Contexts that are met often have a direct probability for each bit, too.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from mdlcodec.compiled import njit
from mdlcodec.mixing.text.hashing import mix
from mdlcodec.mixing.text.histories import COUNTS, NODES, START, START_RECENT, find, stepped
from mdlcodec.mixing.text.probabilities import HALF, learned
from mdlcodec.mixing.text.tables import STRETCH

INPUTS = 4  # of a context, without the direct one
_RUNS = 512  # entries of a context's runs: length, bit, expected bit
# a history of one kind of bit only
CERTAIN = (((COUNTS == 0).any(1)) & ((COUNTS != 0).any(1))).astype(np.int32)


class Memories(NamedTuple):
    """Of c contexts, d of them with direct probabilities. table: uint16, buckets (histories.find); active: int64 (c,),
    indices of contexts.NAMES; hashes, bases, slots: int64 (c,); of_history, of_recent: uint32 (256 c,); runs:
    uint32 (c, 2^r), byte, count and check; of_run: uint32 (512 c,); run_places, run_slots: int64 (c,); direct_of:
    int64 (d,), positions in active; direct: uint32 (d, 16 2^b); direct_places: int64 (d,)."""

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


def new_memories(
    active: list[int], direct: list[int], table_bits: int, run_bits: int, direct_bits: int
) -> Memories:
    """Empty ones: 2^table_bits buckets for all contexts, 2^run_bits runs a context, 2^direct_bits places each."""
    c, d = len(active), len(direct)
    return Memories(
        np.zeros(NODES << table_bits, np.uint16),
        np.array(active, np.int64),
        *(np.zeros(c, np.int64) for _ in range(3)),
        np.tile(START, c),
        np.tile(START_RECENT, c),
        np.zeros((c, 1 << run_bits), np.uint32),
        np.full(_RUNS * c, HALF, np.uint32),
        *(np.zeros(c, np.int64) for _ in range(2)),
        np.array([active.index(k) for k in direct], np.int64),
        np.full((d, 16 << direct_bits), HALF, np.uint32),
        np.zeros(d, np.int64),
    )


@njit(cache=True, _nrt=False)
def begin(memories, contexts):  # type: ignore[no-untyped-def]
    """Before a byte, whose contexts have the hashes int64 (len(NAMES),)."""
    mask = (memories.table.shape[0] >> 4) - 1
    run_mask = memories.runs.shape[1] - 1
    for k in range(memories.active.shape[0]):
        h = mix(contexts[memories.active[k]], memories.active[k])
        memories.hashes[k] = h
        memories.bases[k] = find(memories.table, mask, h)
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
    mask = (memories.table.shape[0] >> 4) - 1
    for k in range(memories.active.shape[0]):
        memories.bases[k] = find(memories.table, mask, mix(memories.hashes[k], begun))
    _place_direct(memories, begun)


@njit(cache=True, _nrt=False)
def fill(memories, bit, begun, node, x):  # type: ignore[no-untyped-def]
    """Writes the inputs for bit number `bit` of a byte, whose bits so far are begun, those of the nibble node (1 in
    front). Returns how many contexts were met before."""
    known = 0
    for k in range(memories.active.shape[0]):
        slot = memories.bases[k] + node
        memories.slots[k] = slot
        seen = np.int64(memories.table[slot])
        history = seen & 255
        p = np.int64(memories.of_history[k * 256 + history]) >> 10
        logit = STRETCH[p >> 10]
        x[INPUTS * k] = logit
        x[INPUTS * k + 1] = (p - (1 << 21)) >> 11 if history else 0
        if history:
            known += 1
            x[INPUTS * k + 2] = STRETCH[memories.of_recent[k * 256 + (seen >> 8)] >> 20]
        else:
            x[INPUTS * k + 2] = 0
        run = np.int64(memories.runs[k, memories.run_places[k]])
        count, byte = (run >> 8) & 255, run & 255
        memories.run_slots[k] = -1
        x[INPUTS * k + 3] = 0
        if count and ((byte | 256) >> (8 - bit)) == begun:
            slot = k * _RUNS + (min(count, 31) << 4) + (bit << 1) + ((byte >> (7 - bit)) & 1)
            memories.run_slots[k] = slot
            x[INPUTS * k + 3] = STRETCH[memories.of_run[slot] >> 20]
    j = INPUTS * memories.active.shape[0]
    for d in range(memories.direct_of.shape[0]):
        x[j + d] = STRETCH[memories.direct[d, memories.direct_places[d] + node] >> 20]
    return known


@njit(cache=True, _nrt=False)
def learn(memories, bit, node, limit, direct_limit):  # type: ignore[no-untyped-def]
    """Takes a bit."""
    for k in range(memories.active.shape[0]):
        slot = memories.slots[k]
        seen = np.int64(memories.table[slot])
        h, r = k * 256 + (seen & 255), k * 256 + (seen >> 8)
        memories.of_history[h] = learned(np.int64(memories.of_history[h]), bit, limit)
        memories.of_recent[r] = learned(np.int64(memories.of_recent[r]), bit, limit)
        memories.table[slot] = stepped(seen, bit)
        if memories.run_slots[k] >= 0:
            s = memories.run_slots[k]
            memories.of_run[s] = learned(np.int64(memories.of_run[s]), bit, 255)
    for d in range(memories.direct_of.shape[0]):
        place = memories.direct_places[d] + node
        memories.direct[d, place] = learned(np.int64(memories.direct[d, place]), bit, direct_limit)


@njit(cache=True, _nrt=False)
def update(memories, byte):  # type: ignore[no-untyped-def]
    """After a byte: its runs."""
    for k in range(memories.active.shape[0]):
        run = np.int64(memories.runs[k, memories.run_places[k]])
        count = (run >> 8) & 255
        count = min(count + 1, 255) if count and (run & 255) == byte else 1
        memories.runs[k, memories.run_places[k]] = (run & 0xFFFF0000) | (count << 8) | byte
