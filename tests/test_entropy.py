"""Entropy coding (formats/labels.md): frequencies, both range coders, the shortest bytes."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mdlcodec.entropy import (
    TOTAL_FREQUENCY,
    RangeDecoder,
    RangeEncoder,
    integer_frequencies,
    integer_frequency_row,
    range_coder,
)
from mdlcodec.entropy.numba_coder import NumbaDecoder, NumbaEncoder, decode_symbol, encode_symbol
from mdlcodec.errors import BadData, InexactComputation

GOLDEN = Path(__file__).parent / "golden" / "good" / "entropy" / "coder.json"
BACKENDS = [
    pytest.param(
        "constriction",
        marks=pytest.mark.skipif(
            importlib.util.find_spec("constriction") is None, reason="no constriction for this platform"
        ),
    ),
    "numba",
]


def row_of(weights):
    """Frequencies from integer weights of any size: at least 1 each, 2^24 in all."""
    free = TOTAL_FREQUENCY - len(weights)
    total = sum(weights) or 1
    row = [1 + w * free // total for w in weights]
    row[weights.index(max(weights))] += TOTAL_FREQUENCY - sum(row)
    return np.array(row, dtype=np.uint32)


# One symbol each: weights from flat to as extreme as frequencies can be, k changing from symbol to symbol.
weights = st.lists(
    st.sampled_from([0, 1, 2, 3, 1000, 2**24, 2**60]) | st.integers(0, 2**30), min_size=1, max_size=12
)
messages = st.lists(
    weights.flatmap(lambda w: st.tuples(st.integers(0, len(w) - 1), st.just(row_of(w)))), max_size=60
)


def encoded(message, backend):
    encoder = RangeEncoder(backend)
    for symbol, row in message:
        encoder.encode_symbol(symbol, row)
    return encoder.finish()


def decoded(data, message, backend):
    decoder = RangeDecoder(data, backend)
    return [decoder.decode_symbol(row) for _, row in message]


def reference_interval(message):
    """Lower end and size of the final interval by the rules of formats/labels.md, in unbounded integers."""
    lower, size, bits = 0, 2**64 - 1, 64
    for symbol, row in message:
        if len(row) > 1:
            scale = size >> 24
            lower += scale * int(row[:symbol].sum(dtype=np.uint64))
            size = scale * int(row[symbol])
            if size < 2**32:
                lower, size, bits = lower << 32, size << 32, bits + 32
    return lower, size, bits


def shortest(lower, size, bits):
    for length in range(bits // 8 + 1):
        step = 1 << (bits - 8 * length)
        value = -(-lower // step) * step
        if value < lower + size:
            return (value >> (bits - 8 * length)).to_bytes(length, "big")
    raise AssertionError("the interval is empty")


@pytest.mark.parametrize("backend", BACKENDS)
@settings(deadline=None)
@given(message=messages)
def test_round_trip_in_the_shortest_bytes_of_the_specification(backend, message):
    data = encoded(message, backend)
    assert data == shortest(*reference_interval(message))
    assert decoded(data, message, backend) == [symbol for symbol, _ in message]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("k", [1, 2, 3, 10, 1000, 65536])
def test_rows_at_once_are_the_same_as_one_by_one(backend, k):
    generator = np.random.Generator(np.random.Philox(k))
    m = 12 if k > 1000 else 300
    frequencies = integer_frequencies(generator.random((m, k)) ** 9 + 1e-9)
    symbols = generator.integers(0, k, m).astype(np.int32)
    symbols[:2] = 0, k - 1
    at_once = RangeEncoder(backend)
    at_once.encode(symbols[:5], frequencies[:5])
    at_once.encode(symbols[5:], frequencies[5:])
    data = at_once.finish()
    assert data == encoded(zip(symbols.tolist(), frequencies, strict=True), "numba")
    assert (data == b"") == (k == 1)
    decoder = RangeDecoder(data, backend)
    assert np.array_equal(decoder.decode(frequencies), symbols)
    assert decoder.intact
    assert decoded(data, list(zip(symbols, frequencies, strict=True)), backend) == symbols.tolist()
    assert decoder.decode(frequencies[:0]).shape == (0,)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("turn", ["below", "above", "open"])
def test_carry_through_many_held_words(backend, turn):
    # The symbols decoded from 1/2 have intervals around 1/2: the carry stays open for all of their words.
    generator = np.random.Generator(np.random.Philox(7))
    rows = integer_frequencies(generator.random((400, 6)))
    around = NumbaDecoder(np.array([1 << 31], dtype=np.uint32))
    message = [(around.decode_symbol(row), row) for row in rows]
    encoder = NumbaEncoder()
    for symbol, row in message:
        encoder.encode_symbol(symbol, row)
    assert encoder.state[2] > 20  # words held back
    if turn == "open":
        assert encoded(message, backend) == b"\x80"
    else:
        row = row_of([1] * 1000)
        message += [(0 if turn == "below" else 999, row)] * 8
    data = encoded(message, backend)
    assert data == shortest(*reference_interval(message))
    assert data[0] == (0x7F if turn == "below" else 0x80)
    assert decoded(data, message, backend) == [symbol for symbol, _ in message]


@pytest.mark.parametrize("backend", BACKENDS)
def test_one_class_and_nothing_cost_nothing(backend):
    alone = np.array([TOTAL_FREQUENCY], dtype=np.uint32)
    assert RangeEncoder(backend).finish() == b""
    assert encoded([(0, alone)] * 100, backend) == b""
    assert decoded(b"anything", [(0, alone)] * 100, backend) == [0] * 100
    fair = row_of([1, 1])
    message = [(1, fair), (0, alone), (0, fair), (1, fair)]
    assert encoded(message, backend) == encoded([m for m in message if len(m[1]) > 1], backend)


@pytest.mark.parametrize("backend", BACKENDS)
def test_finish_ends_nothing(backend):
    message = [(i % 3, row_of([5, 3, 1])) for i in range(200)]
    encoder = RangeEncoder(backend)
    for i, (symbol, row) in enumerate(message):
        encoder.encode_symbol(symbol, row)
        assert encoder.finish() == encoded(message[: i + 1], "numba")


@pytest.mark.parametrize("n", [0, 1, 7, 100, 2000, 60000])
def test_overhead_over_the_ideal_codelength(n):
    k = 10
    overheads, ideals = [], []
    for seed in range(400 if n < 200 else 40 if n < 10000 else 4):
        generator = np.random.Generator(np.random.Philox(seed))
        concentrated = generator.random((n, k)) ** 12 + 1e-6
        p = concentrated / concentrated.sum(axis=1, keepdims=True)
        symbols = (generator.random((n, 1)) > p.cumsum(axis=1)[:, :-1]).sum(axis=1).astype(np.int32)
        encoder = RangeEncoder("numba")
        encoder.encode(symbols, integer_frequencies(p))
        ideals.append(-np.log2(p[np.arange(n), symbols]).sum())
        overheads.append(8 * len(encoder.finish()) - ideals[-1])
    # Whole bytes cost 2.6 bits on average, for a few bits in all up to 8; the coder 0.0001 bits a symbol.
    assert np.mean(overheads) < (8 if n < 100 else 4 if n < 10000 else 10 + 0.0002 * np.mean(ideals))
    assert np.max(overheads) < 10 + 0.0002 * np.max(ideals)
    print(f"n {n}: mean overhead {np.mean(overheads):.2f} bits, largest {np.max(overheads):.2f}")


def test_certain_symbols_cost_next_to_nothing():
    row = integer_frequency_row(np.array([1.0, 0.0, 0.0]))
    assert row.tolist() == [TOTAL_FREQUENCY - 2, 1, 1]
    assert encoded([(0, row)] * 60000, "numba") == b""
    assert len(encoded([(0, row)] * 30000 + [(2, row)] + [(0, row)] * 30000, "numba")) <= 4


@pytest.mark.parametrize("backend", BACKENDS)
@settings(deadline=None)
@given(data=st.binary(max_size=40), message=messages)
def test_any_bytes_decode_to_symbols_in_range_fuzz(backend, data, message):
    decoder = RangeDecoder(data, backend)
    symbols = [decoder.decode_symbol(row) for _, row in message]
    assert all(0 <= symbol < len(row) for symbol, (_, row) in zip(symbols, message, strict=True))
    assert symbols == decoded(data, message, "numba")


@pytest.mark.parametrize("backend", BACKENDS)
def test_data_outside_every_interval_decodes_to_the_last_class(backend):
    rows = np.tile(row_of([3, 2, 1]), (50, 1))
    for decode in (RangeDecoder.decode, lambda d, rows: np.array([d.decode_symbol(row) for row in rows])):
        decoder = RangeDecoder(b"\xff" * 100, backend)
        assert decoder.intact
        assert decode(decoder, rows).tolist() == [2] * 50
        assert not decoder.intact
    # Damage in the middle of a batch keeps the symbols before it.
    good = [(i % 3, rows[0]) for i in range(30)]
    lower, size, bits = reference_interval(good)
    outside = (lower + size - 1 << 64 | 2**64 - 1).to_bytes(bits // 8 + 8, "big")
    decoder = RangeDecoder(outside, backend)
    assert decoder.decode(rows).tolist() == RangeDecoder(outside, "numba").decode(rows).tolist()
    assert RangeDecoder(outside, backend).decode(rows)[:30].tolist() == [s for s, _ in good]


@pytest.mark.parametrize("backend", BACKENDS)
def test_what_cannot_be_coded_is_refused(backend):
    good = row_of([1, 2, 3])
    encoder = RangeEncoder(backend)
    for symbol, row in [
        (-1, good),
        (3, good),
        (0, good + np.uint32(1)),
        (0, np.array([TOTAL_FREQUENCY, 0], dtype=np.uint32)),
        (0, np.array([], dtype=np.uint32)),
        (0, np.array([2**32 - 1, TOTAL_FREQUENCY - 2**32 + 1 & 2**32 - 1], dtype=np.uint32)),
    ]:
        with pytest.raises(ValueError, match="frequencies"):
            encoder.encode_symbol(symbol, row)
        with pytest.raises(ValueError, match="frequencies"):
            encoder.encode(np.array([symbol], dtype=np.int32), row[None])
    with pytest.raises(ValueError, match="frequencies"):
        encoder.encode(np.array([0, 1], dtype=np.int32), good[None])
    with pytest.raises(ValueError, match="frequencies"):
        encoder.encode(np.array([0], dtype=np.int32), good)
    with pytest.raises(ValueError, match="frequencies"):
        encoder.encode(np.array([0], dtype=np.int32), good[None].astype(np.float64))
    assert encoder.finish() == b""


def test_the_coder_may_be_driven_from_its_state_and_words():
    rows = integer_frequencies(np.random.Generator(np.random.Philox(3)).random((500, 4)))
    encoder = NumbaEncoder()
    encoder.reserve(len(rows))
    for i, row in enumerate(rows):
        encode_symbol(encoder.state, encoder.words, i % 4, row)
    message = [(i % 4, row) for i, row in enumerate(rows)]
    for symbol, row in message:
        encoder.encode_symbol(symbol, row)
    data = encoded(message + message, "numba")
    assert range_coder.shortest_bytes(*encoder.interval()) == data
    decoder = NumbaDecoder(np.frombuffer(data + bytes(-len(data) % 4), dtype=">u4").astype(np.uint32))
    assert [decode_symbol(decoder.state, decoder.words, row) for row in rows] == [s for s, _ in message]


def test_choice_of_the_coder(monkeypatch):
    monkeypatch.setenv("MDLCODEC_CODER", "numba")
    assert isinstance(RangeEncoder()._coder, NumbaEncoder)
    assert isinstance(RangeDecoder(b"")._coder, NumbaDecoder)
    monkeypatch.setenv("MDLCODEC_CODER", "abacus")
    with pytest.raises(BadData, match="abacus"):
        RangeEncoder()
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setenv("MDLCODEC_CODER", "constriction")
    with pytest.raises(BadData, match="not installed"):
        RangeDecoder(b"")
    monkeypatch.delenv("MDLCODEC_CODER")
    assert isinstance(RangeEncoder()._coder, NumbaEncoder)


# Frequencies


def frequencies_by_the_rule(p):
    """The rule of formats/labels.md in Python floats, which are IEEE doubles."""
    total = 0.0
    for value in p:
        total += value
    row = [1 + int(value / total * float(TOTAL_FREQUENCY - len(p))) for value in p]
    row[p.index(max(p))] += TOTAL_FREQUENCY - sum(row)
    return row


probabilities = st.lists(
    st.floats(0, 1e300, allow_subnormal=True) | st.sampled_from([0.0, 5e-324, 1e-30, 0.1, 1 / 3, 1.0]),
    min_size=1,
    max_size=40,
).filter(any)


@settings(deadline=None)
@given(p=probabilities)
def test_frequencies_follow_the_rule(p):
    row = integer_frequency_row(np.array(p))
    assert row.dtype == np.uint32
    assert row.tolist() == frequencies_by_the_rule(p)
    assert row.min() >= 1
    assert int(row.sum(dtype=np.uint64)) == TOTAL_FREQUENCY
    assert integer_frequencies([p, p]).tolist() == [row.tolist()] * 2


@pytest.mark.parametrize("k", [1, 2, 1000, 65535, 65536])
def test_frequencies_of_many_classes(k):
    generator = np.random.Generator(np.random.Philox(k))
    for p in (np.full(k, 1 / k), generator.random(k), generator.random(k) ** 30, np.eye(1, k, k - 1)[0]):
        row = integer_frequencies(p[None])[0]
        assert row.tolist() == frequencies_by_the_rule(p.tolist())
        assert row.min() >= 1
        assert int(row.sum(dtype=np.uint64)) == TOTAL_FREQUENCY
        if k > 1000:
            continue
        total = sum(map(Fraction, p.tolist()))
        for frequency, value in zip(row.tolist(), p.tolist(), strict=True):
            assert abs(frequency - Fraction(value) / total * TOTAL_FREQUENCY) <= k + 1


@pytest.mark.parametrize("bad", [[0.5, -1e-9], [np.nan, 1.0], [np.inf, 1.0], [0.0, 0.0], [1.7e308, 1.7e308]])
def test_what_is_no_distribution_is_refused(bad):
    with pytest.raises(InexactComputation, match="row 1"):
        integer_frequencies([[0.5, 0.5], bad])
    with pytest.raises(InexactComputation):
        integer_frequency_row(np.array(bad))


def test_wrong_shapes_are_refused():
    for shape in [(0,), (65537,), (2, 2)]:
        with pytest.raises(ValueError, match="probabilities must be"):
            integer_frequency_row(np.ones(shape))
    for shape in [(3,), (3, 0), (1, 65537), (1, 1, 1)]:
        with pytest.raises(ValueError, match="probabilities must be"):
            integer_frequencies(np.ones(shape))
    assert integer_frequencies(np.ones((0, 5))).shape == (0, 5)


# Golden file, bounds


def golden_messages():
    """Probabilities (m, k) and symbols from a linear congruential generator: no library is in them."""
    state = 1
    for k, m, power in [(2, 150, 1), (3, 1, 2), (10, 120, 6), (40, 30, 3), (1, 5, 1)]:
        values = []
        for _ in range(m * (k + 1)):
            state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
            values.append((state >> 40) + 1)
        p = [[v**power for v in values[i * k : (i + 1) * k]] for i in range(m)]
        yield np.array(p, dtype=object).astype(np.float64), [v * k >> 24 for v in values[m * k :]]


def test_golden():
    cases = []
    for p, drawn in golden_messages():
        symbols = [min(s, p.shape[1] - 1) for s in drawn]
        frequencies = integer_frequencies(p)
        cases.append(
            {
                "weights": [[int(v) for v in row] for row in p[:2].tolist()],
                "frequencies": frequencies[:2].tolist(),
                "symbols": symbols,
                "payload": encoded(zip(symbols, frequencies, strict=True), None).hex(),
            }
        )
        assert RangeDecoder(bytes.fromhex(cases[-1]["payload"])).decode(frequencies).tolist() == symbols
    if os.environ.get("MDLCODEC_WRITE_GOLDEN") == "1":
        GOLDEN.write_text("\n".join(json.dumps(case) for case in cases) + "\n")
    assert [json.loads(line) for line in GOLDEN.read_text().splitlines()] == cases


BOUNDS_CHECKED = """
import numpy as np
from mdlcodec.entropy import RangeDecoder, RangeEncoder, integer_frequencies
from mdlcodec.entropy.numba_coder import decode_symbol, new_decoder_state
generator = np.random.Generator(np.random.Philox(5))
for k in (1, 2, 7, 500):
    rows = integer_frequencies(generator.random((600, k)) ** 5 + 1e-12)
    symbols = generator.integers(0, k, 600).astype(np.int32)
    encoder = RangeEncoder("numba")
    encoder.encode(symbols, rows)
    for symbol, row in zip(symbols.tolist(), rows):
        encoder.encode_symbol(symbol, row)
    decoder = RangeDecoder(encoder.finish(), "numba")
    assert np.array_equal(decoder.decode(rows), symbols) and np.array_equal(decoder.decode(rows), symbols)
    for size in (0, 1, 2, 3, 4, 5, 8, 30, 300):
        for garbage in (generator.bytes(size), b"\\xff" * size, bytes(size)):
            decoded = RangeDecoder(garbage, "numba").decode(rows)
            assert decoded.min() >= 0 and decoded.max() < k
# The check itself is on: a symbol out of range, which the classes would refuse, is caught in the kernel.
from mdlcodec.entropy.numba_coder import encode_symbol, new_encoder_state
try:
    encode_symbol(new_encoder_state(), np.empty(4, np.uint32), 600, rows[0])
except IndexError:
    print("checked")
"""


def test_no_access_out_of_bounds(tmp_path):
    environment = {**os.environ, "NUMBA_BOUNDSCHECK": "1", "NUMBA_CACHE_DIR": str(tmp_path)}
    environment["PYTHONPATH"] = str(Path(__file__).parent.parent)
    result = subprocess.run(
        [sys.executable, "-c", BOUNDS_CHECKED], env=environment, capture_output=True, text=True, check=False
    )
    assert (result.returncode, result.stdout, result.stderr) == (0, "checked\n", "")
