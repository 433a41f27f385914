"""Texts learned by a network alone: round trips, one payload on every engine, the page and the second decoder."""

import re
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

sys.path.insert(0, str(Path(__file__).parents[1] / "formats"))

from decoder import text_learning

from mdlcodec.codes.text import text_code_named
from mdlcodec.errors import BadData, CorruptFile, InexactComputation, MdlcodecError
from mdlcodec.exact.choice import computing_with
from mdlcodec.exact.engines import ENGINES
from mdlcodec.exact.linear import Arithmetic
from mdlcodec.mixing.softmax import frequencies_of
from mdlcodec.nn.zoo.sequences import sequence_architecture_named
from mdlcodec.predictors import text as learning
from mdlcodec.predictors.text import RECIPES, Learner, Recipe, recipe_for, text_cost

FORMATS = Path(__file__).parents[1] / "formats"
TEXT = b"What is learned is coded, and what is coded is learned; what is learned is coded, and so on. " * 2
NETS = sorted({net for net, _ in RECIPES})


def encode(text, net, preset, told=None, seed=0):
    """The payload and its ideal bits; ``told`` is told bytes that are done."""
    code = text_code_named("prequential", net)
    encoded = code.encode(text, code.settings(preset, seed), _telling(told))
    return encoded.payload, encoded.ideal_bits


def decode(payload, n, net, preset, told=None, seed=0):
    """The text."""
    code = text_code_named("prequential", net)
    return code.decode(payload, n, code.settings(preset, seed), _telling(told))


def _telling(told):
    return lambda done, bits, stage="", mistakes=None: None if told is None else told((done, round(bits, 6)))


@pytest.fixture
def short(monkeypatch):
    """Recipes of small windows and several streams, with replays from the fourth segment on."""
    monkeypatch.setattr(learning, "_LEAST_STREAM", 16)
    monkeypatch.setattr(text_learning, "LEAST", 16)
    for net, network in (("transformer", "transformer-small"), ("lstm", "lstm")):
        recipe = Recipe(network, 4, 4, 12, 3, 0.004, 5, 30.0)
        monkeypatch.setitem(RECIPES, (net, 1), recipe)
        monkeypatch.setitem(text_learning.RECIPES, (net, 1), tuple(vars(recipe).values())[:8])


@pytest.mark.parametrize("net", NETS)
@pytest.mark.parametrize("n", [0, 1, 31, 67, 96])
def test_round_trip(net, n, short):
    told, heard = [], []
    payload, bits = encode(TEXT[:n], net, 1, told.append)
    assert decode(payload, n, net, 1, heard.append) == TEXT[:n]
    assert told == heard == sorted(told)
    assert told[-1:] == [(n, round(bits, 6))][: n > 0]
    # bytes of 0 at the end are not written
    assert bits - 8 <= 8 * len(payload) <= bits + 16


def test_any_bytes(short):
    text = bytes(range(256)) * 1 + bytes(20)
    payload, _ = encode(text, "transformer", 1)
    assert decode(payload, len(text), "transformer", 1) == text


def test_streams_of_a_text():
    recipe = Recipe("transformer-small", 4, 4, 12, 0, 0.004, 5, 30.0)
    for n in (0, 1, 511, 1023, 1024, 2047, 2048, 2049, 2050, 4099):
        text = bytes(i % 251 for i in range(n))
        learner = Learner(recipe, n)
        assert learner.streams.count == max(1, min(4, n // 512))
        learner.streams.place(text)
        assert learner.streams.text() == text
        assert sum(learner.streams.here(place) for place in range(learner.streams.longest)) == n
        assert (learner.streams.known[:, 0] == 0).all()
        assert [stop for _, stop in learner.segments()][-1:] == [learner.streams.longest][: n > 0]


@pytest.mark.parametrize("net", NETS)
def test_one_payload_on_every_engine_and_number_of_threads(net, short, monkeypatch):
    monkeypatch.setattr("mdlcodec.exact.threads.WORTH_A_THREAD", 1)
    before, payloads = torch.get_num_threads(), set()
    try:
        for engine, threads in (("int16", 2), ("int16", 1), ("int8", 1), ("float64", 2)):
            torch.set_num_threads(threads)
            with computing_with(Arithmetic(ENGINES[engine])):
                payloads.add(encode(TEXT[:40], net, 1)[0])
    finally:
        torch.set_num_threads(before)
    assert len(payloads) == 1


@pytest.mark.parametrize(("net", "n"), [("transformer", 67), ("lstm", 35)])
def test_the_second_decoder(net, n, short):
    payload, _ = encode(TEXT[:n], net, 1, seed=5)
    assert text_learning.decode_learned(payload, n, net, 1, 5) == TEXT[:n]
    assert decode(payload, n, net, 1, seed=5) == TEXT[:n]
    assert payload != encode(TEXT[:n], net, 1)[0]


def test_a_damaged_payload_is_found_or_another_text(short):
    payload, _ = encode(TEXT[:67], "transformer", 1)
    found = 0
    for place in range(0, len(payload), 7):
        damaged = bytearray(payload)
        damaged[place] ^= 0xFF
        try:
            found += len(decode(bytes(damaged), 67, "transformer", 1)) == 67
        except CorruptFile as error:
            assert "payload is damaged" in str(error)
    assert 0 < found <= len(payload)
    with pytest.raises(MdlcodecError, match="no recipe of --net gru with preset 1"):
        recipe_for("gru", 1)


def test_what_was_learned_is_coded_in_fewer_bits():
    text = b"the cat sat on the mat. " * 60
    payload, _ = encode(text, "transformer", 1)
    assert len(payload) < 0.5 * len(text)


def test_frequencies_are_those_of_the_softmax():
    scores = np.array([[0.0, 0.0, 1.0, -200.0]], np.float32)
    found = frequencies_of(scores)
    assert found.sum() == 1 << 24
    e = np.exp(scores.astype(np.float64))
    assert np.abs(found / 2.0**24 - e / e.sum()).max() < 1e-6
    with pytest.raises(InexactComputation, match="a score is NaN or infinite"):
        frequencies_of(np.array([[np.nan, 0.0]], np.float32))


@pytest.mark.parametrize(("net", "preset"), [("mixing", 5), ("transformer", 0), ("lstm", 10)])
def test_what_there_is_no_recipe_for(net, preset):
    with pytest.raises(BadData, match=f"no recipe of --net {net} with preset {preset}"):
        recipe_for(net, preset)


def test_recipes_are_those_of_the_page_and_of_the_second_decoder():
    page = (FORMATS / "sequences.md").read_text().split("## Learning")[1]
    rows = re.findall(r"^\| `(\w+)`, (\d)(?: to (\d))? \| `([a-z-]+)` \| (.*) \|$", page, re.MULTILINE)
    found = {}
    for net, low, high, network, numbers in rows:
        *whole, rate, warm, slower = numbers.split(" | ")
        for preset in range(int(low), int(high or low) + 1):
            values = (network, *map(int, whole), float(rate), int(warm), float(slower))
            found[net, preset] = values
    assert found == {key: tuple(vars(recipe).values())[:8] for key, recipe in RECIPES.items()}
    assert found == text_learning.RECIPES
    assert {recipe.beta2 for recipe in RECIPES.values()} == {0.99}


@pytest.mark.parametrize("net", NETS)
def test_what_a_text_takes_is_known_before(net):
    recipe = recipe_for(net, 5)
    few, many = text_cost(recipe, 10**4), text_cost(recipe, 10**9)
    assert few.parameters == many.parameters == sequence_architecture_named(recipe.network).size
    assert 0.9e5 < many.work / few.work < 1.1e5
    assert few.memory < 1 << 30 < many.memory
    assert text_cost(recipe, 0).work == 0
