"""The two-part code of a text: a network that is transmitted, then the text under it."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import text_cases
import torch
from click.testing import CliRunner
from torch.nn import functional

import mdlcodec
from mdlcodec.cli import main
from mdlcodec.codes.options import Options
from mdlcodec.codes.text import TEXT_CODES, text_code_named
from mdlcodec.codes.text.two_part import TwoPartText, TwoPartTextPayload
from mdlcodec.errors import BadData, LimitExceeded
from mdlcodec.exact.choice import computing_with
from mdlcodec.exact.engines import ENGINES
from mdlcodec.exact.linear import Arithmetic
from mdlcodec.files import text as texts
from mdlcodec.files import text_file
from mdlcodec.limits import Limits
from mdlcodec.nn.zoo.sequences import SEQUENCE_ARCHITECTURES, sequence_architecture_named
from mdlcodec.sender.float_network import float_forward
from mdlcodec.sender.loop import Trainer
from mdlcodec.sender.sparsify import SPARSIFIERS, Choices, sparse_network
from mdlcodec.sender.text_task import BYTES_AN_EXAMPLE, TextTask

PROSE = text_cases.CASES["prose"].text
OF_TEXTS = [name for name, one in SPARSIFIERS.items() if one.of_texts]
SMALL = sequence_architecture_named("transformer-small")


WEIGHTS = text_cases.some_network("transformer-small", 1, 0.02)


def sent(text):
    """A file of a text under WEIGHTS, which nothing was trained for, even where it is longer than the text."""
    case = text_cases.Case(text, "two-part", 1, "transformer-small")
    return text_cases.two_part_file(case, WEIGHTS) if text else case.encoded()


def encode(text, method, **more):
    """A file whose network is what ``method`` gives, if it is worth its bits."""
    given = {"code": "two-part", "net": "transformer-small", "preset": 1}
    return texts.encode(text, **(given | more), options=Options(method=method))[0]


def network_of(blob):
    file = text_file.parse(blob)
    assert isinstance(file.code, TwoPartText)
    return file.code.network(file.payload)


def test_a_network_travels_and_says_what_follows():
    """One that says "b" after "a", and "a" after everything else."""

    def known(trainer):
        tensors = trainer.task.graph.tensors(trainer.task.inputs)
        weights = {name: torch.zeros(parameter.shape) for name, parameter in tensors.items()}
        weights["embedding.weight"][97, 0] = 8.0
        weights["norm.weight"][:] = 1.0
        weights["scores.weight"][98, 0] = 4.0
        weights["scores.bias"][97] = 12.0
        return weights

    text = b"ab" * 300
    blob = encode(text, known)
    assert mdlcodec.decode_text(blob) == text
    sections = {part["name"]: part["bytes"] for part in mdlcodec.inspect(blob)["sections"]}
    assert list(sections) == ["header", "digest", "network", "text", "checksum"]
    assert sum(sections.values()) == len(blob)
    assert sections["text"] < 30
    sent = network_of(blob)
    assert sent["scores.weight"][98, 0] == 4.0
    assert sum(int(np.count_nonzero(array)) for array in sent.values()) == 64 + 3


def test_the_text_is_the_loss_that_training_sees():
    """But for integers of 14 bits, which such weights make the most of."""
    text = PROSE * 5
    blob = sent(text)
    task = TextTask.of_text(SMALL, text, seed=0)
    weights = {name: torch.from_numpy(array) for name, array in WEIGHTS.items()}
    graph = task.graph.fitted({name: tuple(tensor.shape) for name, tensor in weights.items()})
    known = torch.from_numpy(np.frombuffer(b"\0" + text, np.uint8).copy())
    scores = float_forward(graph, weights, known[None, :-1].float())[0]
    nats = float(functional.cross_entropy(scores, known[1:].long(), reduction="sum"))
    ideal = 8 * len(TwoPartTextPayload.read(text_file.parse(blob).payload).text)
    assert abs(ideal - nats / np.log(2)) < 0.05 * ideal


@pytest.mark.parametrize("n", [1, 2, 31, 32, 33, 129, 400, 4095, 8191, 8192])
def test_lengths(n):
    text = (PROSE * (n // len(PROSE) + 1))[:n]
    assert mdlcodec.decode_text(sent(text)) == text


def test_no_network_is_worth_its_bits_to_random_bytes():
    text = np.random.default_rng(0).bytes(900)
    result = mdlcodec.encode_text(text, code="two-part", net="transformer-small", preset=1)
    assert mdlcodec.decode_text(result.blob) == text
    assert dict(result.sections)["network"] < 150
    assert not any(array.any() for array in network_of(result.blob).values())
    assert result.curve.labels[-1] == 900
    assert result.curve.bits[-1] == result.ideal_bits == 7200
    empty = (text_cases.GOLDEN / "two-part, empty.mdl").read_bytes()
    assert mdlcodec.encode_text(b"", code="two-part").blob == empty


def test_one_payload_on_every_engine_and_number_of_threads(monkeypatch):
    monkeypatch.setattr("mdlcodec.exact.threads.WORTH_A_THREAD", 1)
    before, blobs = torch.get_num_threads(), set()
    try:
        for engine, threads in (("int16", 2), ("int16", 1), ("int8", 1), ("float64", 2)):
            torch.set_num_threads(threads)
            with computing_with(Arithmetic(ENGINES[engine])):
                blobs.add(sent(PROSE * 2))
                assert mdlcodec.decode_text(sent(PROSE[:70])) == PROSE[:70]
    finally:
        torch.set_num_threads(before)
    assert len(blobs) == 1


# training


def test_windows_of_a_text():
    text = bytes(range(256)) + bytes(range(72))
    task = TextTask.of_text(SMALL, text, seed=0)
    assert (task.n, task.shape, tuple(task.x.shape)) == (328, (256,), (73, 256))
    assert task.x[0, :3].tolist() == [0, 0, 1]
    assert task.y[0, :3].tolist() == [0, 1, 2]
    assert task.y[-1, -1] == 71
    assert torch.equal(task.x[5, 1:], task.y[5, :-1])
    assert task.batch_of(128) == 8
    short = TextTask.of_text(SMALL, b"a", seed=0)
    assert (short.n, short.x.tolist(), short.y.tolist()) == (1, [[0]], [[97]])
    with pytest.raises(BadData, match="empty text"):
        TextTask.of_text(SMALL, b"", seed=0)
    assert TextTask.of_text(SMALL, bytes(60_000 * BYTES_AN_EXAMPLE), seed=0, effort=0.5).scaled(1000) == 500


@pytest.mark.parametrize("name", OF_TEXTS)
def test_methods_learn(name, monkeypatch):
    monkeypatch.setattr("mdlcodec.sender.text_task._BYTES_A_STEP", 4)  # 2 windows a step
    text = b"a rose is a rose is a rose is a rose, and " * 60
    task = TextTask.of_text(SMALL, text, seed=0, effort=0.5)
    told = []
    choices = Choices(strength=1.0 if name == "pmmp" else None)  # its own takes all of so short a training's
    network = sparse_network(Trainer(task, [told.append]), sparsify=name, choices=choices)
    assert set(network) == set(task.graph.tensors(task.inputs))
    assert all(len(np.unique(tensor)) <= 256 for tensor in network.values() if tensor.dim() > 1)
    assert told[-1].loss < 2.5 < 5.4 < told[0].loss


def test_cells_are_trained_and_sent():
    text = PROSE * 2
    result = mdlcodec.encode_text(
        text, code="two-part", net="lstm-small", preset=1, sparsify="magnitude", strength=0.9
    )
    assert mdlcodec.decode_text(result.blob) == text


def test_its_network_is_unpacked():
    weights = mdlcodec.unpack(sent(PROSE))
    assert list(weights) == list(WEIGHTS)
    assert all((weights[name] == array).all() for name, array in WEIGHTS.items())
    with pytest.raises(BadData, match="an empty text holds no network"):
        mdlcodec.unpack(sent(b""))
    with pytest.raises(BadData, match="a text file of --code prequential holds no network"):
        mdlcodec.unpack(mdlcodec.encode_text(PROSE, preset=1).blob)


def test_every_network_over_bytes_can_be_sent():
    assert {one.net for one in TEXT_CODES if one.name == "two-part"} == set(SEQUENCE_ARCHITECTURES)
    numbers = [(one.number, one.net_number) for one in TEXT_CODES]
    assert len(set(numbers)) == len(numbers)


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"net": "mixing"}, "--code two-part of texts has no net 'mixing'; choose one of transformer-small"),
        ({"sparsify": "vib"}, "the sparsifier vib trains no network over bytes; choose one of entropy, pmmp"),
        ({"sparsify": "none"}, "no way to sparsify named 'none'"),
        ({"strength": -1.0}, "strength -1 is out of range for the sparsifier entropy"),
        ({"dimension": 5}, "--code two-part of texts has no option dimension, which is of labels"),
        ({"code": "prequential", "strength": 1.0}, "has no option strength, which is for --code two-part"),
        ({"bits": {"fc9": 4}}, "the network has no such layer"),
    ],
)
def test_what_cannot_be_asked_for(more, why):
    with pytest.raises(BadData, match=re.escape(why)):
        mdlcodec.encode_text(PROSE, **({"code": "two-part", "preset": 1} | more))
    with pytest.raises(TypeError, match="no option 'strenght'"):
        mdlcodec.encode_text(PROSE, code="two-part", strenght=1.0)


def test_what_takes_too_much_is_refused_before_it_is_begun():
    with pytest.raises(LimitExceeded, match="memory"):
        mdlcodec.decode_text(sent(PROSE), max_memory=1000)
    with pytest.raises(LimitExceeded):
        mdlcodec.decode_text(sent(PROSE), max_work=1000)
    # who sends a network says how long it is trained; who learns on both sides asks as much of a receiver
    assert texts.sending_limits("two-part", None, None).work > texts.sending_limits("auto", None, None).work
    assert texts.sending_limits("two-part", 5, 6) == Limits(5, 6)
    code = text_code_named("two-part", "transformer-medium")
    cost = code.cost(1 << 30, code.settings(5, 0))
    assert cost.work > 1 << 50
    assert code.sending_cost(1 << 20, code.settings(5, 0)).work > code.cost(1 << 20, code.settings(5, 0)).work
    assert code.cost(1 << 24, code.settings(5, 0)).memory < 3 << 29


def test_the_command_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("p.txt").write_bytes(PROSE * 4)
    asked = ["encode", "p.txt", "--code", "two-part", "--sparsify", "rl1", "--strength", "2", "-1", "--json"]
    told = CliRunner().invoke(main, asked)
    assert told.exit_code == 0, told.output
    facts = json.loads(told.stdout)
    assert (facts["code"], facts["net"], facts["verified"]) == ("two-part", "transformer-small", True)
    assert "encoded in" in told.stderr
    assert CliRunner().invoke(main, ["decode", "p.txt.mdl", "-o", "q.txt", "--quiet"]).exit_code == 0
    assert Path("q.txt").read_bytes() == PROSE * 4
    listed = json.loads(CliRunner().invoke(main, ["list", "--json", "p.txt.mdl"]).stdout)
    assert [part["name"] for part in listed["sections"]][2:4] == ["network", "text"]
