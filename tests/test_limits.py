"""What a file may cost: memory and work are counted before they are spent, whatever spends them."""

import hashlib
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import mdlcodec
from mdlcodec import data
from mdlcodec.cli import main
from mdlcodec.cli.options import Common
from mdlcodec.cli.progress import ProgressLine
from mdlcodec.cli.verbose import watch
from mdlcodec.codes import Settings
from mdlcodec.container import read_label_file, write_network_file
from mdlcodec.container.frame import KIND_LABELS, unsigned, write_frame
from mdlcodec.data.dataset import Inputs
from mdlcodec.data.targets import Classes
from mdlcodec.data.tensor import Tensor
from mdlcodec.data.weights import WRITERS
from mdlcodec.descriptions.tensors.network_section import decode_network, encode_network
from mdlcodec.errors import BadData, LimitExceeded
from mdlcodec.files.runs import Plan, labels_memory
from mdlcodec.limits import (
    ANY_WORK,
    DEFAULT_WORK,
    Budget,
    Cost,
    Limits,
    allowing,
    check_limits,
    check_memory,
    seconds_of,
)
from mdlcodec.predictors import mlp

X = np.random.default_rng(0).normal(size=(300, 2))


def wide_text(width: int) -> bytes:
    """A file of 300 labels, all of them "a" in text of that width, coded without a bit."""
    inputs = data.from_arrays(X, None).inputs
    body = (
        bytes([0x05, 0, 0x80 | 12]) + unsigned(300) + unsigned(1) + bytes([0x43]) + unsigned(width) + b"\1a"
    )
    labels = hashlib.sha256(np.zeros(300, "<u4").tobytes()).digest()[:4]
    return write_frame(KIND_LABELS, body + inputs.digest[:4] + labels)


def test_labels_count_by_their_width() -> None:
    assert set(mdlcodec.decode(wide_text(1000), X, max_memory=10**7)) == {"a"}
    with pytest.raises(
        LimitExceeded, match=r"of memory, more than the limit of 95 MiB; allow it with --max-m"
    ):
        mdlcodec.decode(wide_text(1 << 18), X, max_memory=10**8)


def test_the_values_of_labels_count_before_they_are_made() -> None:
    blob = wide_text(1 << 20)  # one value of 4 MiB, and what is made of it
    mdlcodec.inspect(blob)
    with pytest.raises(LimitExceeded, match="the values of its labels take 16 MiB"):
        mdlcodec.inspect(blob, max_memory=10**7)
    tracemalloc.start()
    with pytest.raises(LimitExceeded, match="the values of its labels take 16 MiB"):
        read_label_file(blob, 10**7)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10**6


def test_labels_in_a_file_take_more_than_in_an_array() -> None:
    header, _ = read_label_file(wide_text(1000))
    array, *forms = [labels_memory(header, form) for form in (None, "npy", "csv")]
    assert array >= 300 * 4000
    assert min(forms) > array
    assert forms[0] >= 3 * 300 * 4000


def section_of(array: np.ndarray, **tools: str) -> bytes:
    return encode_network([Tensor.of("w", array)], **tools)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("positions", "values"),
    [("significance", "raw"), ("csr", "raw"), ("significance", "fixed"), ("csr", "codebook")],
)
def test_work_on_a_network_is_bounded_while_it_is_done(positions: str, values: str) -> None:
    array = np.zeros((40, 50))
    array[::2, ::3] = np.pi
    section = section_of(array, positions=positions, values=values)
    assert (decode_network(section, work=10**9).tensors[0].array() == array).all()
    with pytest.raises(LimitExceeded, match=r"limit of 9,000,000 operations.*--max-work \d+ \(about"):
        decode_network(section, work=9_000_000)


@pytest.mark.parametrize(
    ("tensors", "values", "least"),
    [
        ([Tensor.of("w", np.random.default_rng(0).normal(size=400))], "codebook", 2 * 10**8),
        ([Tensor.of("w", np.zeros((1,) * 64))], None, 2 * 10**7),
        ([Tensor.of(f"{i}", np.ones(())) for i in range(10)], None, 10**8),
    ],
    ids=["entries of a codebook", "axes", "tensors of one value"],
)
def test_what_describes_a_tensor_takes_work(tensors: list[Tensor], values: str | None, least: int) -> None:
    section = encode_network(tensors, values=values)
    decode_network(section, work=10**9)
    with pytest.raises(LimitExceeded):
        decode_network(section, work=least)


def test_each_tensor_and_each_element_takes_work() -> None:
    section = encode_network([Tensor.of(f"{i}", np.zeros(1)) for i in range(30)])
    decode_network(section, work=10**9)
    with pytest.raises(LimitExceeded):
        decode_network(section, work=10**8)
    empty = section_of(np.zeros((1000, 1000), np.uint8))
    with pytest.raises(LimitExceeded):
        decode_network(empty, work=10**8)


def test_commands_and_calls_hold_to_the_work_allowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    blob = write_network_file(section_of(X[:40]))
    Path("n.mdl").write_bytes(blob)
    for command in (["list"], ["test"], ["unpack", "-o", "n.npz"]):
        for limit in (["--max-work", "10M"], ["--max-steps", "1"]):
            done = CliRunner().invoke(main, [*command, "n.mdl", *limit])
            assert (done.exit_code, "more than the limit of 10,000,000 operations" in done.stderr) == (
                3,
                True,
            )
    assert not Path("n.npz").exists()
    for call in (mdlcodec.unpack, mdlcodec.inspect):
        with pytest.raises(LimitExceeded):
            call(blob, max_work=10**7)


def test_a_file_counts_while_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "n.mdl"
    path.write_bytes(write_network_file(bytes(10**6)))
    done = CliRunner().invoke(main, ["list", str(path), "--max-memory", "1MB"])
    assert (done.exit_code, "reading it takes 2 MiB of memory" in done.stderr) == (3, True)


@pytest.mark.parametrize("writer", WRITERS)
def test_weights_are_written_without_a_copy(writer, tmp_path: Path) -> None:
    tensors = [Tensor.of(name, np.zeros(1 << 25, np.uint8)) for name in "ab"]
    tracemalloc.start()
    writer.write(tensors, tmp_path / "w")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (tmp_path / "w").stat().st_size > 1 << 26
    assert peak < 40 << 20


def test_a_large_preset_of_a_large_table_is_more_than_a_receiver_does_unasked() -> None:
    inputs = Inputs(np.broadcast_to(np.float32(0), (48_000, 100)), bytes(32))
    works = [mlp.FAMILY.cost(inputs, 2, preset).work for preset in (1, 5, 9)]
    assert works == sorted(works)
    assert works[1] < DEFAULT_WORK < works[2]
    with pytest.raises(LimitExceeded, match=r"operations, about [\d,]+ s on this machine"):
        check_limits(Cost(0, works[2], 0), Limits())
    check_limits(Cost(0, works[2], 0), Limits.of_sender(None, None))
    check_limits(Cost(0, works[2], 0), Limits(work=allowing(works[2])))


def test_senders_do_what_they_are_told() -> None:
    assert Limits.of_sender(None, None).work == ANY_WORK
    assert Limits.of_sender(5, None).work == 5
    assert Limits.given(None, None) == Limits()
    with pytest.raises(BadData, match="max_work is -1"):
        Limits.given(-1, None)


def test_a_budget_is_spent_to_the_last() -> None:
    budget = Budget(10)
    budget.spend(7)
    budget.spend(3)
    with pytest.raises(LimitExceeded, match="limit of 10 operations"):
        budget.spend(1)


@pytest.mark.parametrize(("work", "most"), [(7, 7), (99, 99), (101, 110), (123_456, 130_000)])
def test_what_is_to_be_allowed_has_two_digits(work: int, most: int) -> None:
    assert allowing(work) == most


@pytest.mark.parametrize(("text", "work"), [("7", 7), ("5e3", 5000), ("1.5M", 1_500_000), ("2T", 2 * 10**12)])
def test_work_is_written_as_people_do(text: str, work: int) -> None:
    from mdlcodec.cli.options import Operations

    assert Operations().convert(text, None, None) == work


@pytest.mark.parametrize("text", ["", "x", "-1", "1e", "1GB", "1e999"])
def test_what_is_no_work_is_refused(text: str) -> None:
    done = CliRunner().invoke(main, ["list", "x", "--max-work", text])
    assert (done.exit_code, "is not a number of operations" in done.stderr) == (2, True)


def test_long_work_is_said_beforehand(capsys: pytest.CaptureFixture[str]) -> None:
    common = Common(quiet=False, verbose=False, json=False, max_work=None, max_memory=None)
    for seconds, expected in ((0.1, 0), (100_000, 2)):
        work = round(seconds * 1e14 / seconds_of(10**14))
        costs = Cost(0, work, 0), Cost(0, work, 0)
        plan = Plan("prequential", "mlp", Settings(1, 9, 0), 5, Classes(2), *costs)
        watch("encoding", ProgressLine(True), common)(plan)
        lines = capsys.readouterr().err.splitlines()
        assert len(lines) == expected
    assert lines[0] == "encoding: this takes about 27.8 h on this machine"
    assert lines[1].startswith("encoding: decoding takes about 27.8 h") and "--max-work " in lines[1]


def test_sizes_that_look_alike_are_told_in_bytes() -> None:
    with pytest.raises(
        LimitExceeded, match="22,700,000 bytes of memory, more than the limit of 22,600,000 bytes"
    ):
        check_memory(22_700_000, 22_600_000)


def test_units_that_messages_print_are_understood() -> None:
    from mdlcodec.cli.options import Bytes

    assert [Bytes().convert(text, None, None) for text in ("64KiB", "64K", "1 MiB")] == [
        65536,
        64000,
        1 << 20,
    ]
