"""Files that decoders refuse: tests/golden/bad, which are damaged, and unsupported, which a newer program may read.

What is wrong with each stands in why.json beside them; checksums are right where the fault lies behind them.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import two_part_cases
from refused_bodies import (
    CLASSES,
    COLOURED,
    COLUMNS,
    PICTURES,
    SENT,
    X,
    changed,
    checked,
    compressed,
    flipped,
    grid,
    infinite_scores,
    labels,
    large_coordinate,
    negative_variance,
    one_output,
    plain,
    reals,
    sampled,
    sized,
    small_network,
    subspace,
    text,
    two_part,
    two_part_text,
    uniform_payload,
    valued,
    variance,
    variational,
    zeros,
)
from refused_sections import (
    DENSE_VECTOR,
    NOTHING,
    ROWS,
    codebook_4097,
    integers,
    matrix,
    named,
    network,
    rank_beyond,
    raw_integer,
    rows,
    section,
    step,
    vector,
    viewed,
    written,
    zero_in_codebook,
)
from section_writer import Chosen

from mdlcodec.codes.sent_weights import tensors_of
from mdlcodec.container import label_digest, read_frame, write_frame
from mdlcodec.container.frame import signed, unsigned
from mdlcodec.descriptions.subspace.coordinates import encode_coordinates
from mdlcodec.descriptions.tensors.network_section import encode_network

GOLDEN = Path(__file__).parent / "golden"

BAD: dict[str, Callable[[], bytes]] = {
    "container-magic": lambda: b"MDX" + labels()[3:],
    "container-magic-cut": lambda: b"MD",
    "container-seven-bytes": lambda: labels()[:7],
    "container-version-0": lambda: checked(labels()[:3] + b"\0" + labels()[4:-4]),
    "container-checksum": lambda: flipped(labels(), -5),
    "container-checksum-big-endian": lambda: labels()[:-4] + labels()[:-5:-1],
    "container-truncated": lambda: labels()[:-1],
    "container-trailing": lambda: labels() + b"\0",
    "container-integer-padded": lambda: labels(n=b"\x89\0"),
    "container-integer-2-64": lambda: labels(net=b"\x80", more=b"\x80" * 9 + b"\2"),
    "container-integer-11-bytes": lambda: labels(net=b"\x80", more=b"\x81" * 10 + b"\1"),
    "container-integer-cut": lambda: write_frame(0, b"\5\0\4\x89"),
    "container-text-cut": lambda: labels(form=b"\x14", more=unsigned(4) + unsigned(200) + b"name"),
    "container-text-not-utf-8": lambda: labels(form=b"\x14", more=unsigned(4) + unsigned(2) + b"n\xff"),
    "container-text-surrogate": lambda: labels(
        form=b"\x14", more=unsigned(4) + unsigned(3) + b"\xed\xa0\x80"
    ),
    "container-text-overlong": lambda: labels(form=b"\x14", more=unsigned(4) + unsigned(2) + b"\xc0\x80"),
    "container-network-trailing": lambda: network(encode_network([vector([1, 2])]) + b"\0"),
    "labels-n": lambda: labels(n=unsigned(2**40 + 1)),
    "labels-k-0": lambda: labels(k=b"\0", payload=b""),
    "labels-k-above-n": lambda: labels(k=b"\x0a", payload=b""),
    "labels-k-above-65536": lambda: labels(n=unsigned(70000), k=unsigned(65537), payload=b""),
    "labels-k-without-n": lambda: labels(n=b"\0", k=b"\1", payload=b""),
    "labels-seed-0": lambda: labels(net=b"\x80", more=b"\0"),
    "labels-dtype-of-one-byte-swapped": lambda: labels(form=b"\x0f\5"),
    "labels-own-net-unnamed": lambda: labels(first=0x25, net=b"\x7f", more=unsigned(0) + unsigned(1)),
    "labels-own-net-65-bytes": lambda: labels(
        first=0x25, net=b"\x7f", more=unsigned(65) + b"n" * 65 + unsigned(1)
    ),
    "labels-own-net-space": lambda: labels(
        first=0x25, net=b"\x7f", more=unsigned(5) + b"mlp 5" + unsigned(1)
    ),
    "labels-own-net-not-ascii": lambda: labels(
        first=0x25, net=b"\x7f", more=unsigned(2) + "é".encode() + unsigned(1)
    ),
    "labels-own-net-version-0": lambda: labels(
        first=0x25, net=b"\x7f", more=unsigned(5) + b"mlp-5" + unsigned(0)
    ),
    "labels-own-net-version-2-31": lambda: labels(
        first=0x25, net=b"\x7f", more=unsigned(5) + b"mlp-5" + unsigned(2**31)
    ),
    "labels-plain-beyond-int8": lambda: plain(1, 130),
    "labels-plain-beyond-bool": lambda: plain(0, 3),
    "labels-plain-text": lambda: labels(form=b"\x0c"),
    "labels-values-of-none": lambda: labels(form=b"\x84", n=b"\0", k=b"\0", more=b"\0\0", payload=b""),
    "labels-method-raw-text": lambda: valued(12, b"\2" + b"a\0\0\0b\0\0\0c\0\0\0"),
    "labels-method-raw-bool": lambda: valued(0, b"\2\0\1", 2),
    "labels-method-strings-of-integers": lambda: valued(4, b"\3\1a\1b\1c"),
    "labels-width-of-integers": lambda: valued(4, b"\x40\4" + signed(1)),
    "labels-values-beyond-int8": lambda: valued(1, b"\0" + signed(126)),
    "labels-values-below-int8": lambda: valued(1, b"\0" + signed(-129)),
    "labels-values-beyond-uint64": lambda: valued(8, b"\1" + unsigned(2**64 - 2) + b"\0\0"),
    "labels-float-beyond-2-53": lambda: valued(11, b"\0" + signed(2**53 - 1)),
    "labels-float-not-exact": lambda: valued(9, b"\0" + signed(2047)),
    "labels-values-not-ascending": lambda: valued(5, b"\2\3\2\7"),
    "labels-values-twice": lambda: valued(5, b"\2\3\3\7"),
    "labels-nan-first": lambda: valued(9, b"\2\0\x7e\0\0\0\x3c"),
    "labels-nan-twice": lambda: valued(9, b"\2\0\0\0\x7e\0\x7e"),
    "labels-zero-twice": lambda: valued(9, b"\2\0\0\0\0\0\x3c"),
    "labels-text-not-ascending": lambda: valued(12, b"\3\1b\1a\1c"),
    "labels-text-twice": lambda: valued(12, b"\3\1a\1b\1b"),
    "labels-text-surrogate": lambda: valued(12, b"\1" + unsigned(0x61) + unsigned(0xD800 - 0x62) + b"\0"),
    "labels-text-beyond-unicode": lambda: valued(12, b"\0" + unsigned(0x10FFFE)),
    "labels-text-ends-in-zero": lambda: valued(12, b"\3\1a\2b\0\1c"),
    "labels-text-zero-character": lambda: valued(12, b"\0\0"),
    "labels-width-not-greater": lambda: valued(12, b"\x43\1\1a\1b\1c"),
    "labels-width-too-large": lambda: valued(12, b"\x43" + unsigned(2**25) + b"\1a\1b\1c"),
    "labels-compressed-damaged": lambda: valued(12, b"\x83\4\xff\xff\xff\xff"),
    "labels-compressed-cut": lambda: valued(12, b"\x83" + sized(compressed(b"\1a\1b\1c")[:-2])),
    "labels-compressed-followed": lambda: valued(12, b"\x83" + sized(compressed(b"\1a\1b\1c") + b"\0\0")),
    "labels-compressed-left-over": lambda: valued(12, b"\x83" + sized(compressed(b"\1a\1b\1c\0"))),
    "labels-compressed-window": lambda: valued(12, b"\x83" + sized(compressed(b"\1a\1b\1c", 25))),
    "labels-compressed-too-long": lambda: valued(12, b"\x83" + sized(compressed(b"\1a\1b\1c", more=128))),
    "labels-column": lambda: labels(form=b"\x14", more=unsigned(1 + 2 * (2**20 + 1))),
    "labels-digests-cut": lambda: write_frame(0, read_frame(labels(payload=b""))[1][:-3]),
    "labels-digest-of-inputs": lambda: labels(input_digest=b"\0\1\2\3"),
    "labels-number-of-inputs": lambda: labels(
        n=b"\x08", label_digest=label_digest(CLASSES[:8]), payload=uniform_payload(3, CLASSES[:8])
    ),
    "labels-digest-of-labels": lambda: labels(label_digest=b"\0\1\2\3"),
    "labels-payload-cut": lambda: labels(payload=uniform_payload()[:-1]),
    "labels-payload-beyond": lambda: labels(payload=b"\xff" * 9),
    "network-beyond-the-interval": lambda: network(b"\xff" * 40),
    "network-cut": lambda: network(encode_network([vector([1, 2])])[:-1]),
    "network-tensors": lambda: network(section(count=65537)),
    "network-name-too-long": lambda: written(vector([]), integers((0, 8193)), described=False),
    "network-name-not-utf-8": lambda: written(vector([]), named(b"w\xff"), described=False),
    "network-name-twice": lambda: network(
        section(Chosen(vector([]), NOTHING), Chosen(vector([1]), DENSE_VECTOR))
    ),
    "network-axes": lambda: written(vector([]), integers((0, 0), (1, 1), (2, 65)), described=False),
    "network-elements": lambda: written(
        vector([]), integers((0, 0), (1, 1), (2, 2), (3, 2**29), (4, 2**29)), described=False
    ),
    "network-elements-and-0": lambda: written(
        vector([]), integers((0, 0), (1, 1), (2, 2), (3, 0), (4, 2**57)), described=False
    ),
    "network-view-of-three-axes-split": lambda: viewed(4, 1, 2, shape=(2, 4, 3)),
    "network-view-split-2": lambda: viewed(8, 2, 3),
    "network-view-side-0": lambda: viewed(4, 0, 2),
    "network-view-sides-1": lambda: viewed(4, 1, 1),
    "network-view-side-too-long": lambda: viewed(4, 4097, 1, shape=(1, 4097)),
    "network-view-not-divided": lambda: viewed(4, 2, 2),
    "network-not-called-empty": lambda: network(section(Chosen(vector([0, 0, 0]), ROWS))),
    "network-csr-count": lambda: written(matrix("i1"), rows(7)),
    "network-csr-gap": lambda: written(matrix("i1"), rows(1, 6)),
    "network-link-before-the-first": lambda: written(matrix(), integers((4, 3), (5, 0), (7, 1), (7, 0))),
    "network-link-too-far": lambda: written(
        matrix(), integers((4, 3), (5, 0), (7, 3), (7, 0)), Chosen(vector([1] * 4, name="v"), DENSE_VECTOR)
    ),
    "network-link-to-another-length": lambda: written(
        matrix(), integers((4, 3), (5, 0), (7, 1), (7, 0)), Chosen(vector([1] * 5, name="v"), DENSE_VECTOR)
    ),
    "network-zero-among-values": lambda: network(section(Chosen(vector([1, 0, 2]), DENSE_VECTOR))),
    "network-minus-zero-among-values": lambda: network(section(Chosen(vector([1, -0.0, 2]), DENSE_VECTOR))),
    "network-zero-in-codebook": lambda: written(vector([1, 1]), zero_in_codebook),
    "network-raw-top": lambda: written(vector([1]), integers((4, 1), (4, 0), (5, 256))),
    "network-raw-integer-too-long": lambda: written(vector([1], "i1"), raw_integer(9)),
    "network-raw-integer-out-of-range": lambda: written(vector([1], "i1"), raw_integer(8)),
    "network-codebook-larger-than-values": lambda: written(
        vector([1], "u1"), integers((4, 1), (4, 1), (6, 1), (8, 1), (9, 0))
    ),
    "network-codebook-4097": lambda: written(vector([1] * 4097, "u2"), codebook_4097),
    "network-codebook-beyond-the-type": lambda: written(
        vector([1], "u1"), integers((4, 1), (4, 1), (6, 0), (8, 256))
    ),
    "network-codebook-lower-part": lambda: written(
        vector([1], "u8"), integers((4, 1), (4, 1), (6, 0), (7, 0), (8, 2**32))
    ),
    "network-codebook-rank": lambda: written(vector([1, 2, 3], "u1"), rank_beyond("codebook")),
    "network-fixed-rank": lambda: written(vector([1, 2, 3], "u1"), rank_beyond("fixed")),
    "network-step-of-integers": lambda: written(vector([1], "i1"), step(1, 0, 1)),
    "network-step-0": lambda: written(vector([1]), step(0, 0, 1)),
    "network-step-negative": lambda: written(vector([1]), step(0xBF800000, 0, 1)),
    "network-step-infinite": lambda: written(vector([1]), step(0x7F800000, 0, 1)),
    "network-step-nan": lambda: written(vector([1]), step(0x7FC00000, 0, 1)),
    "network-step-without-multiples": lambda: written(vector([1]), step(0x3F800000, 0, 0)),
    "network-step-1024": lambda: written(vector([1]), step(0x3F800000, 0, 1024)),
    "network-step-overflows": lambda: written(vector([1]), step(0x7F000000, 0, 4)),
    "two_part-size": lambda: labels(first=0x25, net=b"\5", payload=unsigned(100) + b"section"),
    "two_part-without-calibration": lambda: labels(
        first=0x25, net=b"\5", payload=sized(encode_network(tensors_of(small_network())))
    ),
    "two_part-section-followed": lambda: labels(
        first=0x25, net=b"\5", payload=sized(encode_network(tensors_of(small_network())) + b"\0") + b"\x9f"
    ),
    "two_part-tensors": lambda: two_part(tensors_of(small_network())[:-1]),
    "two_part-a-tensor-more": lambda: two_part([*tensors_of(small_network()), vector([1])]),
    "two_part-axes": lambda: two_part(changed("fc1.weight", np.ones(30, np.float32))),
    "two_part-inputs": lambda: two_part(changed("fc1.weight", np.ones((3, 11), np.float32))),
    "two_part-shapes": lambda: two_part(changed("fc2.weight", np.ones((2, 4), np.float32))),
    "two_part-bias": lambda: two_part(changed("fc2.bias", np.ones(3, np.float32))),
    "two_part-outputs": lambda: two_part(
        tensors_of(two_part_cases.network("lenet-300-100", (COLUMNS,), 4, (3, 2)))
    ),
    "two_part-too-wide": lambda: two_part(
        tensors_of(zeros((1, COLUMNS), (1,), (101, 1), (101,), (3, 101), (3,)))
    ),
    "two_part-float64": lambda: two_part(changed("fc1.bias", np.ones(3))),
    "two_part-integers": lambda: two_part(changed("fc1.bias", np.ones(3, np.int32))),
    "two_part-nan": lambda: two_part(changed("fc1.bias", np.array([1, np.nan, 0], np.float32))),
    "two_part-infinity": lambda: two_part(changed("fc1.bias", np.array([1, np.inf, 0], np.float32))),
    "two_part-running-variance": lambda: two_part(negative_variance(), net=12, pictures=True),
    "two_part-scores": lambda: two_part(infinite_scores()),
    "subspace-dimension": lambda: subspace(unsigned(2**20 + 1) + b"\x64" + sized(b"") + b"\x9f"),
    "subspace-dimension-above-the-transform": lambda: subspace(
        unsigned(2**16 + 1) + b"\x64" + sized(encode_coordinates(np.zeros(2**16 + 1, np.int64))) + b"\x9f"
    ),
    "subspace-size": lambda: subspace(unsigned(3) + b"\x64" + unsigned(50) + b"\1\2"),
    "subspace-without-calibration": lambda: subspace(unsigned(0)),
    "subspace-coordinates-cut": lambda: subspace(
        unsigned(27) + b"\x64" + sized(encode_coordinates(np.arange(27) * 7 % 31 - 9)[:-1]) + b"\x9f"
    ),
    "subspace-coordinates-followed": lambda: subspace(
        unsigned(3) + b"\x64" + sized(encode_coordinates(np.array([40, -3, 7])) + b"\0") + b"\x9f"
    ),
    "subspace-coordinates-beyond": lambda: subspace(unsigned(3) + b"\x64" + sized(b"\xff" * 12) + b"\x9f"),
    "subspace-coordinate-too-large": lambda: subspace(
        unsigned(1) + b"\x64" + sized(large_coordinate()) + b"\x9f"
    ),
    "variational-bits-0": lambda: variational(0x80, 4, bytes([168] * 4)),
    "variational-bits-25": lambda: variational(0x99, 4, bytes([168] * 4), bytes(20)),
    "variational-blocks": lambda: variational(0x41, 452, bytes([168] * 4), bytes(60)),
    "variational-layers": lambda: variational(0x61, 4, bytes([168] * 6)),
    "variational-no-deviation": lambda: variational(0x41, 4, bytes(4)),
    "variational-variance-too-small": lambda: variational(0x01, 4, variance(2.0**-41)),
    "variational-variance-too-large": lambda: variational(0x01, 4, variance(2.0**41)),
    "variational-variance-negative": lambda: variational(0x01, 4, variance(-1)),
    "variational-variance-nan": lambda: variational(0x01, 4, variance(float("nan"))),
    "variational-indices-cut": lambda: variational(0x54, 40, bytes([168] * 4), bytes(9)),
    "variational-without-calibration": lambda: variational(0x41, 4, bytes([168] * 4), b"\xa0"),
    "reals-values": lambda: reals(grid(), form=b"\x8b"),
    "reals-bool": lambda: reals(grid(), form=b"\0"),
    "reals-text": lambda: reals(grid(), form=b"\x0c"),
    "reals-step-1": lambda: reals(grid(step=1)),
    "reals-step-2-53": lambda: reals(grid(size=0, step=2**53 + 1)),
    "reals-index-beyond-2-53": lambda: reals(grid(low=2**52, size=2**52 + 1), low=2**52),
    "reals-index-below-2-53": lambda: reals(grid(low=-(2**52), step=3), low=-(2**52)),
    "reals-centre": lambda: reals(grid(scale=(2**53 + 1, 0))),
    "reals-exponent": lambda: reals(grid(scale=(1, 1001))),
    "reals-scale-too-large": lambda: reals(grid(scale=(2**25, 999))),
    "reals-style": lambda: reals(grid() + b"\3\0", form=b"\x1b"),
    "reals-style-of-raw-floats": lambda: reals(grid(31) + b"\1\0", form=b"\x1b"),
    "reals-infinite-float16": lambda: reals(grid(low=0, size=65520), form=b"\x09"),
    "reals-integer-decimals": lambda: reals(grid(1), form=b"\4"),
    "reals-integer-negative-zero": lambda: reals(grid(0x20), form=b"\4"),
    "reals-integer-beyond-the-type": lambda: reals(grid(low=127, size=1), form=b"\1", low=127),
    "reals-integer-below-the-type": lambda: reals(grid(low=-1, size=1), form=b"\5", low=-1),
    "reals-raw-integers": lambda: reals(grid(31), form=b"\4"),
    "reals-raw-step": lambda: reals(grid(31, step=2)),
    "reals-raw-negative-zero": lambda: reals(grid(31 | 0x20)),
    "reals-raw-above-infinity": lambda: reals(grid(31, size=0x7C01), form=b"\x09"),
    "reals-raw-below-infinity": lambda: reals(grid(31, low=-0x7C02, size=4), form=b"\x09", low=-0x7C02),
    "reals-digest": lambda: reals(grid(), low=1),
    "reals-outputs": lambda: reals(
        grid(), first=0x25, net=b"\5", payload=sized(encode_network(tensors_of(small_network()))) + bytes(5)
    ),
    "reals-calibration-cut": lambda: reals(
        grid(), first=0x25, net=b"\5", payload=sized(encode_network(one_output())) + bytes(4)
    ),
}

BAD |= {
    "sampled-seed-0": lambda: sampled(net=b"\x88" + unsigned(0)),
    "sampled-two-axes": lambda: sampled(shape=(2, 3)),
    "sampled-no-column": lambda: sampled(shape=(0,)),
    "sampled-huge-image": lambda: sampled(net=b"\6", shape=(1 << 30 | 1, 28, 1)),
    "sampled-small-image": lambda: sampled(net=b"\6", shape=(8, 8, 1)),
    "sampled-columns-for-images": lambda: sampled(net=b"\6"),
    "sampled-k-0": lambda: sampled(k=0),
    "sampled-k-65537": lambda: sampled(k=65537),
    "sampled-own-net-space": lambda: sampled(net=b"\x7f" + sized(b"mlp 5") + unsigned(1)),
    "sampled-indices-cut": lambda: sampled(sent=SENT[:-1]),
    "sampled-followed": lambda: sampled(sent=SENT + b"\0"),
    "sampled-bits-25": lambda: sampled(sent=bytes([2 << 5 | 25]) + SENT[1:]),
    "sampled-three-layers": lambda: sampled(sent=bytes([3 << 5 | 12]) + SENT[1:]),
    "sampled-too-many-blocks": lambda: sampled(sent=bytes([2 << 5 | 1]) + unsigned(1000) + bytes(4 + 125)),
    "sampled-nothing-varies": lambda: sampled(sent=SENT[:2] + bytes(4) + SENT[6:]),
    "text-n": lambda: text(n=unsigned(2**40 + 1)),
    "text-seed-0": lambda: text(net=b"\x80", more=b"\0"),
    "text-digest-cut": lambda: text(digest=b"\1\2\3", payload=b""),
    "text-uniform-short": lambda: text(n=unsigned(5)),
    "text-uniform-long": lambda: text(n=unsigned(3)),
    "text-digest": lambda: text(payload=b"next"),
    "text-network-cut": lambda: two_part_text({}, cut=9),
    "text-network-size-beyond": lambda: text(first=0x25, net=b"\5", payload=unsigned(1000) + bytes(8)),
    "text-network-followed": lambda: two_part_text({}, b"\1"),
    "text-network-of-nothing": lambda: text(first=0x25, net=b"\5", payload=b""),
    "text-network-without-a-tensor": lambda: two_part_text({"scores.bias": None}),
    "text-network-narrow": lambda: two_part_text({"scores.weight": np.zeros((256, 32), np.float32)}),
    "text-network-few-symbols": lambda: two_part_text({"embedding.weight": np.zeros((255, 64), np.float32)}),
    "text-network-wide": lambda: two_part_text(
        {
            "fc1.1.weight": np.zeros((257, 64), np.float32),
            "fc1.1.bias": np.zeros(257, np.float32),
            "fc2.1.weight": np.zeros((64, 257), np.float32),
        }
    ),
    "text-network-widths-differ": lambda: two_part_text({"fc2.2.weight": np.zeros((64, 5), np.float32)}),
    "text-network-axes": lambda: two_part_text({"qkv.1.bias": np.zeros((192, 1), np.float32)}),
    "text-network-nan": lambda: two_part_text({"norm.bias": np.full(64, np.nan, np.float32)}),
    "text-network-of-integers": lambda: two_part_text({"norm.bias": np.zeros(64, np.int32)}),
    "text-empty-with-network": lambda: two_part_text({}, n=0),
    "sampled-variance": lambda: sampled(sent=bytes([12]) + SENT[1:2] + bytes(4) + SENT[6:]),
}

UNSUPPORTED: dict[str, Callable[[], bytes]] = {
    "sampled-net-3": lambda: sampled(net=b"\3"),
    "sampled-running-statistics": lambda: sampled(net=b"\x09", shape=(32, 32, 3)),
    "sampled-own-net-unknown": lambda: sampled(net=b"\x7f" + sized(b"their-network") + unsigned(1)),
    "sampled-own-net-version-2": lambda: sampled(net=b"\x7f" + sized(b"mlp-5") + unsigned(2)),
    "version-2": lambda: checked(labels()[:3] + b"\x20" + labels()[4:-4]),
    "version-2-other-checksum": lambda: labels()[:3] + b"\x20" + labels()[4:],
    "version-15-short": lambda: b"MDL\xf0",
    "kind-5": lambda: write_frame(5, read_frame(labels())[1]),
    "kind-15": lambda: write_frame(15, b""),
    "text-code-2": lambda: text(first=0x25),
    "text-net-of-uniform": lambda: text(net=b"\1"),
    "text-net-5": lambda: text(first=0x15, net=b"\5"),
    "text-early-mixing": lambda: text(first=0x15, net=b"\1"),
    "text-early-mixing-lstm": lambda: text(first=0x19, net=b"\4"),
    "text-preset-0": lambda: text(first=0x00),
    "text-preset-10": lambda: text(first=0x0A),
    "form-4": lambda: labels(form=b"\x44"),
    "dtype-13": lambda: labels(form=b"\x0d"),
    "dtype-14-swapped": lambda: labels(form=b"\x0f\x0e"),
    "preset-0": lambda: labels(first=0x00),
    "preset-10": lambda: labels(first=0x0A),
    "code-7": lambda: labels(first=0x75),
    "uniform-net-1": lambda: labels(net=b"\1"),
    "prequential-net-0": lambda: labels(first=0x15),
    "prequential-net-9": lambda: labels(first=0x15, net=b"\x09"),
    "switching-net-1": lambda: labels(first=0x65, net=b"\1"),
    "switching-net-2": lambda: labels(first=0x65, net=b"\2"),
    "switching-net-19-columns": lambda: labels(first=0x65, net=b"\x13"),
    "cnn-early-large-images": lambda: labels(first=0x14, net=b"\2", coloured=True),
    "switching-early-large-images": lambda: labels(first=0x69, coloured=True),
    "large-images-early": lambda: labels(first=0x15, net=b"\x0d", coloured=True),
    "large-images-grey": lambda: labels(first=0x15, net=b"\x13", pictures=True),
    "large-grey-images-in-colour": lambda: labels(first=0x15, net=b"\x0e", coloured=True),
    "large-grey-images-preset-4": lambda: labels(first=0x14, net=b"\x0e", pictures=True),
    "switching-large-grey-images-preset-4": lambda: labels(first=0x64, net=b"\x0e", pictures=True),
    "large-images-preset-3": lambda: labels(first=0x13, net=b"\x13", coloured=True),
    "switching-large-images-preset-3": lambda: labels(first=0x63, net=b"\x13", coloured=True),
    "reals-large-images": lambda: reals(grid(), first=0x15, net=b"\x13"),
    "reals-switching-net-19": lambda: reals(grid(), first=0x65, net=b"\x13"),
    "large-images-columns": lambda: labels(first=0x15, net=b"\x13"),
    "two-part-net-3": lambda: labels(first=0x25, net=b"\3"),
    "two-part-net-19": lambda: labels(first=0x25, net=b"\x13"),
    "own-net-unknown": lambda: labels(first=0x25, net=b"\x7f", more=sized(b"their-network") + unsigned(1)),
    "own-net-version-2": lambda: labels(first=0x25, net=b"\x7f", more=sized(b"mlp-5") + unsigned(2)),
    "own-net-leading-zero": lambda: labels(first=0x25, net=b"\x7f", more=sized(b"mlp-05") + unsigned(1)),
    "own-net-without-width": lambda: labels(
        first=0x25, net=b"\x7f", more=sized(b"mlp" + b"-1" * 30 + b"-") + unsigned(1)
    ),
    "own-net-given-out": lambda: labels(first=0x25, net=b"\x7f", more=sized(b"lenet5") + unsigned(1)),
    "subspace-running-statistics": lambda: labels(first=0x45, net=b"\x09"),
    "variational-running-statistics": lambda: labels(first=0x55, net=b"\x09"),
    "variational-eight-layers": lambda: labels(
        first=0x55, net=b"\x7f", more=sized(b"mlp" + b"-2" * 7) + unsigned(1)
    ),
    "values-method-4": lambda: valued(4, b"\4" + signed(1)),
    "values-bit-5": lambda: valued(4, b"\x20" + signed(1)),
    "network-element-type-18": lambda: written(
        vector([]), integers((0, 0), (1, 18), (2, 0)), described=False
    ),
    "network-position-tool-4": lambda: written(vector([1]), integers((4, 4))),
    "network-value-tool-4": lambda: written(vector([1]), integers((4, 1), (4, 4))),
    "reals-code-4": lambda: reals(grid(), first=0x45, net=b"\5"),
    "reals-code-5": lambda: reals(grid(), first=0x55, net=b"\x08"),
    "reals-cnn": lambda: reals(grid(), first=0x15, net=b"\2"),
    "reals-decimals-23": lambda: reals(grid(23)),
}

# all others are labels
NETWORKS = {
    name for name in (*BAD, *UNSUPPORTED) if name.startswith(("network", "container-network", "sampled"))
}
TEXTS = {name for name in (*BAD, *UNSUPPORTED) if name.startswith("text-")}
OF_PICTURES = {
    "two_part-running-variance",
    "large-images-grey",
    "large-grey-images-preset-4",
    "switching-large-grey-images-preset-4",
}
OF_COLOURED = {
    "large-grey-images-in-colour",
    "cnn-early-large-images",
    "large-images-early",
    "switching-early-large-images",
    "large-images-preset-3",
    "switching-large-images-preset-3",
}


def inputs_of(name: str) -> np.ndarray:
    """The inputs of a file."""
    return COLOURED if name in OF_COLOURED else PICTURES if name in OF_PICTURES else X
