"""Context mixing of text: round trips, pieces, damaged payloads, golden payloads that two decoders read."""

import hashlib
import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mdlcodec.mixing.text import LEVELS, TextDecoder, TextEncoder, memories, memory_bytes, seconds_forecast
from mdlcodec.mixing.text import predictor as predictors
from mdlcodec.mixing.text.contexts import NAMES, new_contexts
from mdlcodec.mixing.text.contexts import fill as fill_contexts
from mdlcodec.mixing.text.contexts import update as update_contexts
from mdlcodec.mixing.text.hashing import mix
from mdlcodec.mixing.text.histories import COUNTS, FOLLOWING
from mdlcodec.mixing.text.levels import MOST_BYTES
from mdlcodec.mixing.text.mixers import WEIGHT_LIMIT, learn, mixed, new_mixers
from mdlcodec.mixing.text.probabilities import learned
from mdlcodec.mixing.text.selectors import NAMES as SELECTORS
from mdlcodec.mixing.text.tables import INPUT_LIMIT, LIMIT, SQUASH, STRETCH

sys.path.insert(0, str(Path(__file__).parents[1] / "formats"))

from decoder.text_contexts import Contexts
from decoder.text_levels import LEVELS as LEVELS_OF_DECODER
from decoder.text_levels import NAMES as NAMES_OF_DECODER
from decoder.text_levels import ROWS
from decoder.text_mixing import Memories, decode_text

GOLDEN = Path(__file__).parent / "golden" / "text_payloads.json"
MIXED = (
    "In the beginning (so it is said) there were words; words, and “more words”. The words were good.\n"
    "  def word(self, other):\n    return self.words[other] + {'a': 1}.get(other, 0)\n"
    '<doc id="12" title="Words"><p>The <b>words</b> were<br/> &lt;good&gt;.</p><!-- no --></doc>\n'
    "Слова были хороши. И слов было много, Слова были новы.\n言葉は良かった。言葉は多かった。\n"
    "1,234.5\t1,234.6\t1,235.7\n1,334.5\t1,434.6\t1,235.8\n"
).encode()
# level and text
CASES = {
    "fast": (1, MIXED),
    "default": (5, MIXED[:200] + MIXED[-220:]),
    "smallest": (9, MIXED[60:230]),
    "three": (3, MIXED[400:560]),
    "slow": (7, MIXED[150:260]),
    "again": (1, b"the same again and " * 40),
    "bytes": (5, bytes(range(256)) + b"\xe2\x80\xff\xf4" * 9),
    "one byte": (5, b"\xff"),
    "nothing": (9, b""),
}


def coded(text, level, cuts=()):
    encoder = TextEncoder(level, len(text))
    bits = 0.0
    for start, end in zip((0, *cuts), (*cuts, len(text)), strict=True):
        bits += encoder.update(text[start:end])
    return encoder.finish(), bits


def decoded(payload, n, level):
    return TextDecoder(level, n, payload).take(n)


@settings(max_examples=12, deadline=None)
@given(st.binary(max_size=300) | st.text(max_size=100).map(str.encode), st.data())
def test_any_bytes_come_back_whatever_the_blocks(text, data):
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=3)))
    payload, bits = coded(text, 1, cuts)
    assert payload == coded(text, 1)[0]
    assert len(payload) <= bits / 8 + 2  # zeros at the end are not written
    decoder = TextDecoder(1, len(text), payload)
    assert b"".join(decoder.take(b - a) for a, b in zip((0, *cuts), (*cuts, len(text)), strict=True)) == text


@pytest.mark.parametrize("level", [5, 9])
def test_blocks_longer_than_what_a_kernel_takes_at_once(level):
    text = (MIXED * 6)[:5000]
    payload, _ = coded(text, level, (4097,))
    assert decoded(payload, len(text), level) == text
    assert payload == coded(text, level)[0]


def test_a_text_that_repeats_itself_takes_next_to_nothing():
    for text in (b"\xff" * 60_000, MIXED * 80):
        payload, _ = coded(text, 1)
        assert decoded(payload, len(text), 1) == text
        tail, _ = coded(text[: len(text) // 2], 1)
        assert 8 * (len(payload) - len(tail)) / (len(text) / 2) < 0.01


def test_random_bytes_grow_by_a_thousandth():
    """A megabyte does: bench/results/text.md; what is learned first costs more."""
    text = np.random.default_rng(0).bytes(60_000)
    payload, bits = coded(text, 1)
    assert len(payload) <= 60_000 * 1.0015 + 20
    assert len(payload) <= bits / 8 + 2


@pytest.mark.parametrize("level", [1, 5, 9])
def test_damaged_payloads_give_wrong_bytes_alone(level):
    text = (MIXED * 2)[:600]
    payload, _ = coded(text, level)
    drawn = np.random.default_rng(level)
    for wrong in (
        b"",
        payload[:20],
        payload[1:],
        bytes(600),
        b"\xff" * 600,
        drawn.bytes(900),
        drawn.bytes(3),
    ):
        assert len(decoded(wrong, 600, level)) == 600
    assert decoded(payload + bytes(9), 600, level) == text


def test_what_cannot_be_coded():
    for level, n in ((0, 1), (10, 1), (1, -1), (1, MOST_BYTES + 1)):
        with pytest.raises(ValueError, match=r"none of 1 to 9|can be coded"):
            TextEncoder(level, n)
    encoder = TextEncoder(1, 3)
    with pytest.raises(ValueError, match="3 are left"):
        encoder.update(b"four")
    encoder.update(b"ab")
    with pytest.raises(ValueError, match="1 bytes of the text are missing"):
        encoder.finish()
    with pytest.raises(ValueError, match="3 are left"):
        TextDecoder(1, 3, b"").take(4)


@pytest.mark.parametrize("level", [1, 3, 5, 7, 9])
def test_memory_is_what_the_arrays_take(level):
    for n in (0, 1000, 20_000):
        arrays = leaves(predictors.new_predictor(LEVELS[level], n))
        taken = sum(array.nbytes for array in arrays)
        assert 0 <= taken - memory_bytes(level, n) < 2_000_000
    assert memory_bytes(5, 1 << 40) <= 600_000_000
    assert memory_bytes(level, 1 << 40) <= 2 << 30
    assert seconds_forecast(level, 2_000_000) > seconds_forecast(level, 1_000_000) > 0


def leaves(value):
    if isinstance(value, tuple):
        return [leaf for part in value for leaf in leaves(part)]
    return [value]


def test_tables_are_those_that_were_written_once():
    digest = hashlib.sha256()
    for table in (SQUASH, STRETCH, FOLLOWING, COUNTS):
        digest.update(np.ascontiguousarray(table).astype("<i8").tobytes())
    assert digest.hexdigest() == "385ffdc2d8c865b9d41722c9ec3bcd0605e9a647143c84b27a2ec41f395029b6"


def test_squash_and_stretch_are_inverse():
    assert (np.diff(SQUASH) >= 0).all() and (np.diff(STRETCH) >= 0).all()
    assert SQUASH[LIMIT] == 1 << 21
    x = np.arange(-1500, 1501)
    assert np.abs(STRETCH[SQUASH[x + LIMIT] >> 10] - x).max() <= 50


def test_histories_count_what_comes():
    used = np.unique(FOLLOWING)
    assert used.max() == 212 and len(used) == 213
    for history in range(213):
        for bit in (0, 1):
            after = COUNTS[FOLLOWING[history, bit]]
            assert after[bit] <= COUNTS[history, bit] + 1 and after[bit] >= 1
            assert after[1 - bit] <= COUNTS[history, 1 - bit]
    assert COUNTS.max() == 36


def test_a_probability_stays_one():
    for bit in (0, 1):
        entry = 1 << 31
        for _ in range(3000):
            entry = learned(entry, bit, 1023)
            assert 0 <= entry >> 10 < 1 << 22
        assert entry & 1023 == 1023


@pytest.mark.parametrize("sign", [-1, 1])
def test_mixers_do_not_overflow(sign):
    mixers = new_mixers([1], 399, 1 << 20, (400, 10))
    x = np.full(400, sign * INPUT_LIMIT, np.int32)
    for weight in (WEIGHT_LIMIT, -WEIGHT_LIMIT):
        mixers.weights[:] = weight
        expected = (400 * ((((weight >> 4) * sign * INPUT_LIMIT) + 512) >> 10)) >> 6
        assert mixed(mixers, x) == max(-LIMIT, min(LIMIT, expected))
        for bit in (0, 1, 0, 1):
            mixed(mixers, x)
            error = ((bit << 22) - mixers.probabilities[0]) * (
                10 + 400 * 2000 // (2000 + mixers.uses[0])
            ) >> 12
            after = mixers.weights[0, 0] + ((sign * INPUT_LIMIT * error + 8192) >> 14)
            learn(mixers, x, bit)
            assert (mixers.weights == max(-WEIGHT_LIMIT, min(WEIGHT_LIMIT, after))).all()


def test_the_hash_wraps():
    h = mix(mix(0, -1), 1 << 62)
    g = ((0 - 1 + 1) * 0x9E3779B97F4A7C15) % (1 << 64)
    g = (g + (1 << 62) + 1) * 0x9E3779B97F4A7C15 % (1 << 64)
    assert h % (1 << 64) == g ^ g >> 32


def test_contexts_are_those_of_the_second_decoder():
    """All of them, those of no level too."""
    kept, other, hashes = new_contexts(), Contexts(1 << 12), np.zeros(len(NAMES), np.int64)
    window = np.zeros(1 << 12, np.uint8)
    for at, byte in enumerate(MIXED + bytes(range(256)) + b"</p></b>\n"):
        fill_contexts(kept, window, len(window) - 1, at, hashes)
        assert [h % (1 << 64) for h in hashes.tolist()] == other.hashed(), at
        update_contexts(kept, byte, at)
        window[at] = byte
        other.take(byte)


def test_memories_without_room_are_those_of_the_second_decoder():
    """Eight buckets and four runs of a context: buckets are given up for others, and so are runs."""
    level = LEVELS[1]
    kept = memories.new_memories(level.contexts, 8, 2)
    other = Memories(LEVELS_OF_DECODER[1], 8, 2)
    x, hashes = np.zeros(memories.INPUTS * len(level.contexts), np.int32), np.zeros(len(NAMES), np.int64)
    drawn = np.random.default_rng(3)
    for byte in drawn.choice([97, 98, 101, 32], 400, p=[0.6, 0.2, 0.1, 0.1]).tolist():
        hashes[:] = [mix(0, int(h)) for h in drawn.integers(0, 6, len(NAMES))]
        memories.begin(kept, hashes)
        other.begin([h % (1 << 64) for h in hashes.tolist()])
        begun = node = 1
        for bit in range(8):
            memories.fill(kept, bit, begun, node, x)
            assert x.tolist() == other.inputs(bit, begun, node)
            y = (byte >> (7 - bit)) & 1
            memories.learn(kept, y)
            other.learn(y)
            begun, node = 2 * begun + y, 2 * node + y
            if bit == 3:
                node = 1
                memories.halfway(kept, begun)
                other.halfway(begun)
        memories.update(kept, byte)
        other.update(byte)
    assert max(count for _, count, _ in other.runs.values()) > 1


def test_levels_are_those_of_the_second_decoder():
    assert list(NAMES) == NAMES_OF_DECODER
    assert set(ROWS) == set(SELECTORS)
    for number, level in LEVELS.items():
        other = LEVELS_OF_DECODER[number]
        for field in ("contexts", "mixers", "final", "matches"):
            assert list(getattr(level, field)) == list(getattr(other, field))
        for field in ("buckets", "run_bits", "head_bits", "window_bits"):
            assert getattr(level, field) == getattr(other, field)


def golden_payloads():
    if os.environ.get("MDLCODEC_WRITE_GOLDEN") == "1" and not GOLDEN.exists():
        rows = {
            name: {"level": level, "text": text.hex(), "payload": coded(text, level)[0].hex()}
            for name, (level, text) in CASES.items()
        }
        GOLDEN.write_text(json.dumps(rows, indent=1) + "\n")
    return json.loads(GOLDEN.read_text())


@pytest.mark.parametrize("name", CASES)
def test_golden_payloads(name):
    row = golden_payloads()[name]
    level, text, payload = row["level"], bytes.fromhex(row["text"]), bytes.fromhex(row["payload"])
    assert (level, text) == CASES[name]
    assert coded(text, level)[0] == payload
    assert decoded(payload, len(text), level) == text
    assert decode_text(level, len(text), payload) == text
