"""mdlcodec/data/features.py: values, extremes, and golden hashes (formats/data.md, sections 4 and 5)."""

import hashlib
import math
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mdlcodec import data
from mdlcodec.data import features as module
from mdlcodec.data.features import image_features, number_offsets
from mdlcodec.errors import BadData

GOLDEN = Path(__file__).parent / "golden" / "good" / "data" / "hashes.txt"


def of(values):
    return data.from_arrays(np.asarray(values)).inputs.features


def of_table(tmp_path, text):
    (tmp_path / "t.csv").write_text(text)
    return data.read(str(tmp_path / "t.csv"), labels=False).inputs.features


# Numbers


@given(
    hnp.arrays(
        st.sampled_from(["i2", "i8", "f4", "f8"]), st.integers(3, 40), elements=st.integers(-9999, 9999)
    )
)
def test_standard_and_rank_scores(x):
    if len(np.unique(x)) < 3:
        return
    z, u = of(x).T.astype(np.float64)
    v = x.astype(np.float64)
    np.testing.assert_allclose(z, np.clip((v - v.mean()) / v.std(), -6, 6), atol=1e-6)
    midrank = np.array([(v < a).sum() + ((v == a).sum() + 1) / 2 for a in v])
    np.testing.assert_allclose(u, np.sqrt(12) * ((midrank - 0.5) / len(v) - 0.5), atol=1e-6)


@given(st.lists(st.integers(-(10**40), 10**40), min_size=2, max_size=20, unique=True))
def test_offsets_of_integers_are_rounded_once(values):
    values = sorted(values)
    offsets = number_offsets(values)
    span = values[-1] - values[0]
    unit = 1 if span < 2**64 else span
    assert offsets.tolist() == [float(Fraction(value - values[0], unit)) for value in values]
    if values[0] >= -(2**63) and values[-1] < 2**63:
        np.testing.assert_array_equal(number_offsets(np.array(values)), offsets)


def test_int64_extremes_are_exact():
    v = np.array([-(2**63), -(2**63) + 1, 0, 2**63 - 1])
    assert number_offsets(v).tolist() == [0.0, 1.0, 2.0**63, float(2**64 - 1)]
    v = np.array([0, 2**64 - 1], np.uint64)
    assert number_offsets(v).tolist() == [0.0, float(2**64 - 1)]


def test_timestamps_keep_their_low_digits(tmp_path):
    step = np.random.default_rng(3).permutation(1000)
    stamps = 1_700_000_000_123_456_789 + step
    assert len(np.unique(stamps.astype(np.float64))) < 10  # float64 alone would lose them
    expected = of(step)
    np.testing.assert_array_equal(of(stamps), expected)
    np.testing.assert_array_equal(of(stamps.astype(np.uint64)), expected)
    np.testing.assert_array_equal(of_table(tmp_path, "".join(f"{stamp}\n" for stamp in stamps)), expected)
    beyond = "".join(f"{stamp + 10**30}\n" for stamp in stamps.tolist())
    np.testing.assert_array_equal(of_table(tmp_path, beyond), expected)


def test_columns_of_wildly_different_scale():
    base = np.random.default_rng(4).permutation(200)
    x = np.stack([base * scale for scale in (1e-300, 1e-5, 1.0, 1e5, 1e300)], axis=1)
    features = of(x)
    for j in range(0, 10, 2):
        assert len(np.unique(features[:, j])) == 200
        np.testing.assert_allclose(features[:, j], features[:, 4], atol=1e-6)
        np.testing.assert_array_equal(features[:, j + 1], features[:, 5])


def test_features_do_not_depend_on_the_order_of_examples():
    rng = np.random.default_rng(5)
    x = rng.normal(size=(300, 4)) * [1e-9, 1, 1e9, 1e18]
    order = rng.permutation(300)
    np.testing.assert_array_equal(of(x)[order], of(x[order]))


@pytest.mark.parametrize(
    ("x", "expected"),
    [
        ([5.0], [[0]]),
        ([5.0, 5.0], [[0], [0]]),
        ([np.nan, np.nan], [[0], [0]]),
        ([1.0, 3.0], [[-1], [1]]),
        ([1.0, np.nan], [[0], [1]]),
        ([1.0, 3.0, np.nan], [[-1, 0], [1, 0], [0, 1]]),
        ([-np.inf, np.inf], [[-6], [6]]),
        ([7.0, np.inf], [[0], [6]]),
        ([0.0, -0.0], [[0], [0]]),
        ([True, False], [[1], [-1]]),
        ([0, 0, 0, 8], [[-1 / np.sqrt(3)]] * 3 + [[np.sqrt(3)]]),
    ],
)
def test_small_columns(x, expected):
    np.testing.assert_array_equal(of(x), np.array(expected, np.float32))


def test_infinities_rank_at_the_ends():
    z, u = of([np.inf, 1.0, 2.0, 3.0, -np.inf]).T
    assert z[0] == 6
    assert z[4] == -6
    assert (np.argsort(u) == [4, 1, 2, 3, 0]).all()
    np.testing.assert_array_equal(z[1:4], of([1.0, 2.0, 3.0])[:, 0])


def test_outliers_are_clipped_but_keep_their_rank():
    x = np.append(np.arange(1000.0), [1e6, 1e9])
    z, u = of(x).T
    assert z.max() == 6
    assert u[-1] > u[-2] > u[-3]


@given(hnp.arrays("f8", st.integers(1, 12), elements=st.floats(allow_nan=True, allow_infinity=True)))
def test_any_float_column(x):
    features = of(x)
    assert np.isfinite(features).all()
    assert np.abs(features).max() <= 6
    known = x[~np.isnan(x)]
    if len(np.unique(known)) >= 2:  # no two different values look the same
        assert len({row.tobytes() for row in features}) == len(np.unique(x))


def test_wide_arrays_have_one_feature_a_column():
    x = np.random.default_rng(6).normal(size=(10, 300))
    x[0, 0] = np.nan
    x[:, 7] = 1
    assert of(x).shape == (10, 299)
    assert of(x[:, :256]).shape == (10, 255 * 2 + 1)


# Text


def test_words(tmp_path):
    half = np.float32(np.sqrt(0.5))
    np.testing.assert_array_equal(of_table(tmp_path, "b\na\nb\n"), [[half], [-half], [half]])
    np.testing.assert_array_equal(of_table(tmp_path, "b\na\nc\n?\n"), np.eye(4)[[2, 1, 3, 0]])
    np.testing.assert_array_equal(of_table(tmp_path, "x\nx\n"), [[0], [0]])
    np.testing.assert_array_equal(of_table(tmp_path, "?\nNA\nnull\n"), np.eye(3)[[0, 1, 2]])
    np.testing.assert_array_equal(of_table(tmp_path, "?\n?\n"), [[0], [0]])


def test_many_words(tmp_path):
    counts = {f"w{i:03d}": 1 + (i % 5) for i in range(100)}
    rows = [word for word, count in counts.items() for _ in range(count)]
    features = of_table(tmp_path, "".join(f"{word}\n" for word in rows))
    assert features.shape == (300, 66)
    np.testing.assert_array_equal(features[:, 1:].sum(1), 1)
    assert (
        features[:, 65].sum() == 16 * 2 + 20 * 1
    )  # the 60 words of 3 to 5, and the first 4 of the words of 2
    assert (features[:, 1:65].sum(0)[:20] == 5).all()
    assert (np.diff(features[:, 0]) >= 0).all()
    assert len(np.unique(features[:, 0])) == 100


def test_100000_words(tmp_path):
    features = of_table(tmp_path, "".join(f"id-{i:06d},{i % 7}\n" for i in range(100_000)))
    assert features.shape == (100_000, 1 + 1 + 2)  # rank, all others, and the numbers
    assert len(np.unique(features[:, 0])) == 100_000


def test_the_budget_of_words_is_shared(tmp_path):
    rows = [",".join("abcdefghijkl"[(i * j + i) % 12] for j in range(100)) for i in range(60)]
    assert of_table(tmp_path, "".join(f"{row}\n" for row in rows)).shape[1] <= 100 * (512 // 100 + 2)


def test_features_too_large(monkeypatch):
    monkeypatch.setattr(module, "MAX_BYTES", 100)
    with pytest.raises(BadData, match="--limit"):
        of(np.arange(26.0))


# The specification once more, in plain Python: equal to the last bit


def reference_standardised(counts, offsets):
    pairs = [(float(c), d) for c, d in zip(counts, offsets, strict=True) if math.isfinite(d)]
    total = squares = number = 0.0
    for c, d in pairs:
        total, number = total + c * d, number + c
    mean = total / number if pairs else 0.0
    for c, d in pairs:
        squares = squares + c * ((d - mean) * (d - mean))
    deviation = math.sqrt(squares / number) if pairs else 0.0
    z = []
    for d in offsets:
        score = (d - mean) / deviation if deviation > 0 and math.isfinite(d) else 0.0
        z.append(min(max(score, -6.0), 6.0) if math.isfinite(d) else math.copysign(6.0, d))
    return z


def reference(columns):
    """Features of columns of ints, floats (None is missing) or words, by section 4 of formats/data.md."""
    texts = [column for column in columns if isinstance(column[0], str) and len(set(column)) >= 2]
    most = max(2, min(64, 512 // max(1, len(texts))))
    features = []
    for column in columns:
        known = [v for v in column if v is not None]
        values = sorted(set(known))
        counts = [known.count(v) for v in values]
        ranks, below = [], 0
        for c in counts:
            ranks.append(float(2 * (below + c) - c - len(known)) / float(2 * len(known)) * math.sqrt(12.0))
            below += c
        if isinstance(column[0], str):
            if len(values) == 2:
                features.append([math.sqrt(0.5) * (1 if v == values[1] else -1) for v in column])
            elif len(values) > 2:
                kept = values
                if len(values) > most:
                    features.append([ranks[values.index(v)] for v in column])
                    kept = sorted(values, key=lambda v: (-column.count(v), v))[:most]
                    kept = [v for v in kept if column.count(v) >= 2]
                features += [[float(v == word) for v in column] for word in kept]
                if len(values) > most:
                    features.append([float(v not in kept) for v in column])
            continue
        if len(values) >= 2:
            if isinstance(values[0], int):
                span = values[-1] - values[0]
                offsets = [float(Fraction(v - values[0], 1 if span < 2**64 else span)) for v in values]
            else:
                finite = [v for v in values if math.isfinite(v)]
                largest = max([abs(v) for v in finite], default=0.0)
                e = max(-1022, min(1022, math.frexp(largest)[1]))
                scale = math.ldexp(1.0, -e)
                offsets = [v * scale - finite[0] * scale if math.isfinite(v) else v for v in values]
            z = reference_standardised(counts, offsets)
            features.append([0.0 if v is None else z[values.index(v)] for v in column])
        if len(values) >= 3:
            features.append([0.0 if v is None else ranks[values.index(v)] for v in column])
        if values and None in column:
            features.append([float(v is None) for v in column])
    return np.array(features or [[0.0] * len(columns[0])]).T.astype(np.float32)


def columns_of(n):
    def column(elements):
        return st.lists(elements, min_size=n, max_size=n)

    integers = st.one_of(st.integers(-5, 5), st.integers(-(2**63), 2**63), st.integers(-(10**25), 10**25))
    floats = st.one_of(st.floats(allow_nan=False), st.sampled_from([0.5, -0.0, 0.0, 1.5]))
    return st.lists(
        st.one_of(
            column(st.one_of(integers, st.none())),
            column(st.one_of(floats, st.none())),
            column(st.sampled_from(["red", "green", "?", "blue", "caf\u00e9"])),
            column(st.text("abc", min_size=1, max_size=3)),
        ),
        min_size=1,
        max_size=6,
    )


def test_sums_have_the_stated_order():
    """In float64: a float32 feature seldom shows the last bits of a sum."""
    rng = np.random.default_rng(8)
    for _ in range(20):
        offsets = np.append(0.0, np.cumsum(rng.random(500) * 10.0 ** rng.integers(-5, 5)))
        counts = rng.integers(1, 100, 501)
        expected = np.array(reference_standardised(counts.tolist(), offsets.tolist()))
        assert module.standardised(offsets, counts).tobytes() == expected.tobytes()


@settings(max_examples=200)
@given(st.integers(1, 40).flatmap(columns_of))
def test_features_are_those_of_the_specification(tmp_path_factory, columns):
    columns = [column for column in columns if any(v is not None for v in column)]
    if not columns:
        return
    path = tmp_path_factory.mktemp("table") / "t.csv"
    rows = [
        ["NA" if v is None else repr(v) if isinstance(v, float) else str(v) for v in row]
        for row in zip(*columns, strict=True)
    ]
    path.write_text("".join(",".join(row) + "\n" for row in rows), encoding="utf-8")
    (inputs,) = data.read_inputs(str(path), header=False)
    columns = [[0.0 if v == 0.0 and isinstance(v, float) else v for v in column] for column in columns]
    expected = reference(columns)
    assert inputs.features.shape == expected.shape
    assert inputs.features.tobytes() == expected.tobytes()


# Images


def test_images_too_large(monkeypatch):
    monkeypatch.setattr("mdlcodec.data.features.MAX_BYTES", 4 * 24)
    assert image_features(np.zeros((2, 3, 4, 1), np.uint8)).nbytes == 4 * 24
    with pytest.raises(BadData, match="3 images of 12 values each do not fit"):
        image_features(np.zeros((3, 3, 4, 1), np.uint8))


def test_images():
    x = np.array([[[0, 51], [102, 255]]], np.uint8)
    np.testing.assert_array_equal(of(x)[0, :, :, 0], np.float32([[0, 51 / 255], [102 / 255, 1]]))
    np.testing.assert_array_equal(of(x.astype(float) - 1000), of(x))
    np.testing.assert_array_equal(of(np.full((2, 2, 2), 7)), np.zeros((2, 2, 2, 1)))
    x = np.array([[[np.nan, -np.inf, np.inf, 1.0, 3.0]]])
    np.testing.assert_array_equal(of(x)[0, 0, :, 0], [0, 0, 1, 0, 1])
    x = np.array([[[-1.7e308, 0, 1.7e308]]])
    np.testing.assert_array_equal(of(x)[0, 0, :, 0], [0, 0.5, 1])
    np.testing.assert_array_equal(of(np.full((1, 1, 2), np.nan)), np.zeros((1, 1, 2, 1)))


def test_images_in_blocks_equal_images_at_once(monkeypatch):
    x = np.random.default_rng(7).normal(size=(50, 3, 3, 1))
    whole = image_features(x)
    monkeypatch.setattr(module, "_IMAGES_AT_ONCE", 7)
    np.testing.assert_array_equal(image_features(x), whole)


# Golden: the digests and features that released files depend on


def golden_inputs(tmp_path):
    raw = np.random.Philox(1).random_raw(4000)
    small = (raw[:600] % np.uint64(251)).astype(np.int64)
    floats = (raw[600:1200] >> np.uint64(11)).astype(np.float64) / 2.0**53 - 0.3
    yield "uint8 images", data.from_arrays(small.reshape(6, 10, 10).astype(np.uint8)).inputs
    yield (
        "float32 images, channels first",
        data.from_arrays(floats.astype(np.float32).reshape(4, 3, 5, 10)).inputs,
    )
    yield (
        "float64 columns",
        data.from_arrays(floats.reshape(100, 6) * [1e-200, 1e-9, 1, 1e9, 1e18, 1e200]).inputs,
    )
    yield "int64 columns", data.from_arrays(raw[1200:1800].view(np.int64).reshape(100, 6)).inputs
    yield "uint64 column", data.from_arrays(raw[1800:1900]).inputs
    yield "bool column", data.from_arrays(small > 99).inputs
    yield "float16, 5 axes", data.from_arrays(floats.astype(np.float16).reshape(10, 3, 2, 5, 2)).inputs
    rows = ["n,money, when,word,rare,huge,gaps,two,label"]
    for i in range(300):
        a, b = int(raw[2000 + i] % np.uint64(1000)), int(raw[2400 + i] % np.uint64(97))
        gap = "?" if b % 5 == 0 else f"{a}.{b}e-3"
        cells = [a % 9, f"{a}.{b:02d}", 1_700_000_000_000_000_000 + a * b, f'"caf\u00e9, {b % 6}"', f"id{a}"]
        rows.append(",".join(map(str, [*cells, 10**25 + a, gap, "yes" if a > 500 else "no", b % 3])))
    (tmp_path / "golden.csv").write_bytes("\r\n".join(rows).encode())
    yield "table", data.read(str(tmp_path / "golden.csv")).inputs
    yield "table, first 50", data.read(str(tmp_path / "golden.csv"), limit=50, target="word").inputs
    yield "digits", data.read("digits").inputs


def test_golden(tmp_path):
    lines = []
    for name, inputs in golden_inputs(tmp_path):
        features = hashlib.sha256(inputs.features.astype("<f4").tobytes()).hexdigest()
        lines.append(f"{name}: {inputs.features.shape} {inputs.digest.hex()} {features}")
    assert lines == GOLDEN.read_text().splitlines()
