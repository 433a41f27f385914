"""Training of small sparse networks for the two-part code, and the parts that it is made of."""

import math
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from mdlcodec.nn.architectures import ARCHITECTURES, check_fit, weights_of
from mdlcodec.sender.convolution import LANES, ConvolvePool
from mdlcodec.sender.float_layered import float_forward, float_outputs
from mdlcodec.sender.sparsify.adam import Adam
from mdlcodec.sender.sparsify.float_network import arranged, batches, forward, random_weights
from mdlcodec.sender.sparsify.task import checked_task
from mdlcodec.sender.sparsify.units import live_units, shrunk
from torch.nn import functional

from mdlcodec import codes, data
from mdlcodec.cli import main
from mdlcodec.codes import Settings
from mdlcodec.data.targets import Classes
from mdlcodec.errors import BadData, InexactComputation
from mdlcodec.sender import descent
from mdlcodec.sender.dense import dense_network
from mdlcodec.sender.sparsify import (
    SPARSIFIERS,
    Sparsifier,
    dns,
    entropy,
    quantisation,
    sparse_network,
    steps_of,
)
from mdlcodec.sender.sparsify.augmentation import moved_copies
from mdlcodec.sender.sparsify.centres import quantise

LENET5, LENET300 = ARCHITECTURES["lenet5"], ARCHITECTURES["lenet-300-100"]


@pytest.fixture(autouse=True)
def one_thread():
    """What is the same on one machine with one thread need not be with more."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def _quiet(*_):
    """No progress."""


def _generator(seed=0):
    return torch.Generator().manual_seed(seed)


def _columns(n, k, columns=6):
    """Points around k centres far from each other."""
    random = np.random.default_rng(n)
    y = (np.arange(n) % k).astype(np.int32)
    centres = random.normal(size=(k, columns)) * 3
    return (centres[y] + random.normal(size=(n, columns)) * 0.3).astype(np.float32), y


def _images(n, k, shape):
    """The class is the quarter that is bright."""
    random = np.random.default_rng(n)
    y = (np.arange(n) % k).astype(np.int32)
    x = random.random((n, *shape), np.float32) * 0.2
    for i, quarter in enumerate(y):
        half = shape[0] // 2
        x[i, quarter // 2 * half :, quarter % 2 * half :][:half, :half] += 0.7
    return x, y


def _task(architecture, x, y, k, *, bits=4, seed=0, effort=1.0, progress=_quiet):
    return checked_task(x, y, k, architecture, bits, seed, effort, progress)


def _flat(tensors):
    return b"".join(array.tobytes() for array in tensors.values())


def _nonzeros(tensors):
    return sum(int((tensor != 0).sum()) for tensor in tensors.values())


SETS = {
    "columns": (LENET300, lambda n, k: _columns(n, k, 30)),
    "flat images": (LENET300, lambda n, k: _images(n, k, (8, 8, 1))),
    "images": (LENET5, lambda n, k: _images(n, k, (16, 16, 1))),
    "colour": (LENET5, lambda n, k: _images(n, k, (17, 20, 3))),
}


@cache
def _trained(name, sparsify, bits, seed=0):
    architecture, examples = SETS[name]
    x, y = examples(50, 2)
    return sparse_network(
        x, y, 2, architecture, bits=bits, seed=seed, sparsify=sparsify, progress=_quiet, effort=0.05
    )


# Whole trainings


@pytest.mark.parametrize("sparsify", SPARSIFIERS)
@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("bits", [2, 4])
def test_what_comes_out(name, sparsify, bits):
    architecture, examples = SETS[name]
    tensors = _trained(name, sparsify, bits)
    assert tuple(tensors) == architecture.tensor_names
    shape = examples(50, 2)[0].shape[1:]
    weights = weights_of(architecture, list(tensors.values()), layouts=(False,))
    check_fit(architecture, weights, shape, 2)
    for tensor, nominal in zip(list(tensors.values())[::2], architecture.shapes(shape, 2), strict=True):
        assert tensor.shape <= nominal
        assert min(tensor.shape) > 0
    for tensor in tensors.values():
        assert tensor.dtype == np.float32
        assert np.isfinite(tensor).all()
        assert len(np.unique(tensor)) <= 2**bits
        assert not np.signbit(tensor[tensor == 0]).any()
    units = live_units(architecture, {key: torch.from_numpy(tensor) for key, tensor in tensors.items()})
    for mask in units.values():
        assert mask.all() or len(mask) == 1  # no dead unit is sent, but for a layer's last


@pytest.mark.parametrize(
    ("name", "sparsify", "effort"),
    [
        ("columns", "dns", 0.2),
        ("columns", "entropy", 0.05),
        ("images", "dns", 0.1),
        ("images", "entropy", 0.05),
    ],
)
def test_it_learns(name, sparsify, effort):
    architecture, examples = SETS[name]
    x, y = examples(600, 4)
    told = []
    tensors = sparse_network(
        x, y, 4, architecture, bits=4, seed=1, sparsify=sparsify, effort=effort,
        progress=lambda *step: told.append(step),
    )  # fmt: skip
    weights = weights_of(architecture, list(tensors.values()))
    wrong = np.mean(float_outputs(architecture, weights, x).argmax(1) != y)
    assert wrong < 0.4  # chance is 0.75
    assert _nonzeros(tensors) < architecture.parameters(x.shape[1:], 4) / 4
    steps = steps_of(architecture, sparsify, effort, 600)
    assert [done for done, _, _ in told] == list(range(1, steps + 1))
    assert {total for _, total, _ in told} == {steps}
    assert 0 <= told[-1][2] < told[0][2]


@pytest.mark.parametrize("sparsify", SPARSIFIERS)
@pytest.mark.parametrize("name", ["columns", "images"])
def test_seeds(name, sparsify):
    found = [_flat(_trained.__wrapped__(name, sparsify, 4, seed)) for seed in (0, 1, 2**64 - 1)]
    assert len(set(found)) == 3
    assert found[0] == _flat(_trained(name, sparsify, 4))


def test_a_network_costs_more_than_it_saves():
    """50 labels of two classes are 50 bits: no network is worth them, and at exchange 0 any is."""
    x, y = _columns(50, 2)
    given = _task(LENET300, x, y, 2, effort=0.15)
    recipe = entropy.RECIPES["lenet-300-100"]
    counts = [_nonzeros(entropy.sparsify(given, replace(recipe, exchange=e))) for e in (0.0, 0.1, 30.0)]
    assert counts[0] > 2 * counts[1] > 2 * counts[2]


def test_divergence_is_told(monkeypatch, tmp_path):
    message = "training diverged.*choose another --seed"
    x, y = _columns(50, 2)
    given = _task(LENET300, x, y, 2, effort=0.05)
    wild = replace(dns.RECIPE, rate=1e30)
    with pytest.raises(InexactComputation, match=message):
        dns.sparsify(given, wild)
    with pytest.raises(InexactComputation, match=message):  # in the surgery, before the centres
        dns.sparsify(given, replace(dns.RECIPE, adam_rate=1e30))
    with pytest.raises(InexactComputation, match=message):
        entropy.sparsify(given, replace(entropy.RECIPES["lenet-300-100"], rate=1e30))
    for bad in (np.nan, np.inf):
        spoilt = x.copy()
        spoilt[7, 1] = bad
        for sparsify in SPARSIFIERS:
            with pytest.raises(InexactComputation, match=message):
                sparse_network(
                    spoilt, y, 2, LENET300, bits=4, seed=0, sparsify=sparsify, progress=_quiet, effort=0.05
                )
        with pytest.raises(InexactComputation, match=message):
            dense_network(LENET300, spoilt, y, 2, steps=3, seed=0, progress=_quiet)
    monkeypatch.setitem(SPARSIFIERS, "dns", Sparsifier(lambda t: dns.sparsify(t, wild), dns.number_of_steps))
    np.savez(tmp_path / "set.npz", x=x, y=y)
    done = CliRunner().invoke(
        main,
        ["encode", str(tmp_path / "set.npz"), "--code", "two-part", "--sparsify", "dns", "-1", "--quiet"],
    )
    assert done.exit_code == 1
    assert len(done.stderr.splitlines()) == 1
    assert "training diverged" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["set.npz"]


def test_no_network_that_is_not_finite_comes_out(monkeypatch):
    x, y = _columns(50, 2)
    broken = {name: torch.full((2, 2), math.inf) for name in LENET300.tensor_names}
    monkeypatch.setitem(SPARSIFIERS, "dns", Sparsifier(lambda _: broken, dns.number_of_steps))
    with pytest.raises(InexactComputation, match="training diverged"):
        sparse_network(x, y, 2, LENET300, bits=4, seed=0, sparsify="dns", progress=_quiet)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sparsify": "magic"}, "no way to sparsify named 'magic'; choose one of dns, entropy"),
        ({"bits": 1}, "no codebooks of 1 bits; choose 2 to 8"),
        ({"bits": 9}, "no codebooks of 9 bits"),
        ({"architecture": LENET5}, "lenet5 needs images"),
        ({"x": np.zeros((50, 15, 40, 1), np.float32), "architecture": LENET5}, "at least 16x16 .* 15x40"),
        ({"x": np.zeros((50, 4, 4), np.float32)}, r"inputs have shape .* not \(50, 4, 4\)"),
        ({"y": np.zeros(49, np.int32)}, r"shapes are \(49,\) and \(50, 6\)"),
        ({"y": np.zeros((50, 1), np.int32)}, r"shapes are \(50, 1\)"),
        ({"x": np.zeros((0, 6), np.float32), "y": np.zeros(0, np.int32)}, "at least one"),
        ({"k": 1}, "labels are 0 to 0, not 0 to 1"),
        ({"y": np.full(50, -1, np.int32)}, "labels are 0 to 1, not -1 to -1"),
    ],
)
def test_bad_arguments(change, message):
    x, y = _columns(50, 2)
    given = {"x": x, "y": y, "k": 2, "architecture": LENET300, "bits": 4, "seed": 0, "sparsify": "dns"}
    with pytest.raises(BadData, match=message):
        sparse_network(**(given | change), progress=_quiet, effort=0.01)


def test_numbers_of_steps():
    assert set(entropy.RECIPES) == set(ARCHITECTURES)
    for architecture in ARCHITECTURES.values():
        assert steps_of(architecture, "entropy", 1.0, 60_000) == 40_000
        assert steps_of(architecture, "dns", 1.0, 600_000) == 17_000
        assert steps_of(architecture, "dns", 0.5, 15_000) == 4250
        assert steps_of(architecture, "entropy", 1e-9, 1) == 20
    with pytest.raises(BadData, match="magic"):
        steps_of(LENET5, "magic", 1.0, 5)
    inputs = data.from_arrays(np.zeros((15_000, 6)), None).inputs
    prepared = codes.CODES["two-part"].prepare(inputs, Classes(3), Settings(5, 5, 0))
    assert prepared.sending_cost.steps - prepared.cost.steps == 20_000


# Networks and their dead units


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 17, 20)])
def test_convolutions_are_torchs(shape, threads):
    torch.set_num_threads(threads)
    x = torch.rand(3 * LANES, *shape, generator=_generator(), requires_grad=True)
    weight = torch.randn(6, shape[0], 5, 5, generator=_generator(1))
    weight[0, 0, 2] = weight[5] = 0
    weight.requires_grad_()
    expected = functional.max_pool2d(functional.conv2d(x, weight), 2)
    gradient = torch.randn(expected.shape, generator=_generator(2))
    wanted = torch.autograd.grad(expected, (x, weight), gradient)

    def blocks(t):
        return t.reshape(3, LANES, *t.shape[1:]).permute(0, 2, 3, 4, 1).contiguous()

    found = ConvolvePool.apply(blocks(x), weight)
    assert (found - blocks(expected)).abs().max() < 1e-5
    for ours, theirs in zip(torch.autograd.grad(found, (x, weight), blocks(gradient)), wanted, strict=True):
        assert (ours - theirs).abs().max() < 1e-5 * theirs.abs().max()
    alone = ConvolvePool.apply(blocks(x.detach()), weight)
    assert torch.equal(torch.autograd.grad(alone, weight, blocks(gradient))[0], torch.autograd.grad(
        ConvolvePool.apply(blocks(x), weight), weight, blocks(gradient))[0])  # fmt: skip


def _sparse_tensors(architecture, shape, k=3, density=0.01, seed=1):
    """Random weights, most of them 0, and biases of some units of the linear layers."""
    shapes = dict(zip(architecture.layer_names, architecture.shapes(shape, k), strict=True))
    generator = _generator(seed)
    tensors = random_weights(shapes, generator)
    for name, tensor in tensors.items():
        tensors[name] = 10 * tensor * (torch.rand(tensor.shape, generator=generator) < density)
    tensors["fc1.bias"][::7] = 0.3
    return tensors


def _weights(architecture, tensors):
    return weights_of(architecture, [tensors[name].numpy() for name in architecture.tensor_names])


NETS = [(LENET5, (28, 28, 1)), (LENET5, (18, 21, 3)), (LENET300, (64,))]


@pytest.mark.parametrize(("architecture", "shape"), NETS)
def test_the_network_is_that_of_nets(architecture, shape):
    tensors = _sparse_tensors(architecture, shape, density=0.3)
    x = np.random.default_rng(3).random((2 * LANES, *shape), np.float32)
    for tensor in tensors.values():
        tensor.requires_grad_()
    ours = forward(architecture, arranged(architecture, x), tensors)
    pairs = [(tensors[f"{name}.weight"], tensors[f"{name}.bias"]) for name in architecture.layer_names]
    theirs = float_forward(architecture, pairs, torch.from_numpy(x))
    assert (ours - theirs).abs().max() < 1e-5 * theirs.abs().max()
    y = torch.arange(len(x)) % 3
    used = [tensor for name, tensor in tensors.items() if name[:4] != "conv" or name.endswith("weight")]
    gradients = [torch.autograd.grad(functional.cross_entropy(out, y), used) for out in (ours, theirs)]
    for a, b in zip(*gradients, strict=True):
        assert b.abs().max() > 0
        assert (a - b).abs().max() < 1e-4 * b.abs().max()


@pytest.mark.parametrize(("architecture", "shape"), NETS)
def test_removed_units_change_no_output(architecture, shape):
    tensors = _sparse_tensors(architecture, shape)
    small = shrunk(architecture, tensors, live_units(architecture, tensors))
    assert sum(t.numel() for t in small.values()) < 0.9 * sum(t.numel() for t in tensors.values())
    assert all(mask.all() for mask in live_units(architecture, small).values())
    x = np.random.default_rng(3).random((50, *shape), np.float32)
    before, after = (float_outputs(architecture, _weights(architecture, t), x) for t in (tensors, small))
    assert np.ptp(before, 0).max() > 0
    assert np.abs(before - after).max() < 1e-5 * np.abs(before).max()


def test_which_units_are_live():
    tensors = {
        "fc1.weight": torch.tensor([[1.0, 0], [0, 0], [0, 0], [0, 2], [3, 3]]),
        "fc1.bias": torch.tensor([0.0, 0, 1, 0, 0]),
        # reads units 0, 2; reads 1 that nothing reaches; reads 3, and is not read
        "fc2.weight": torch.tensor([[1.0, 0, 1, 0, 0], [0, 5, 0, 0, 0], [0, 0, 0, 1, 0]]),
        "fc2.bias": torch.zeros(3),
        "fc3.weight": torch.tensor([[1.0, 1, 0]]),
        "fc3.bias": torch.zeros(1),
    }
    units = live_units(LENET300, tensors)
    assert {name: mask.tolist() for name, mask in units.items()} == {
        "fc1": [True, False, True, False, False],
        "fc2": [True, False, False],
    }
    small = shrunk(LENET300, tensors, units)
    assert small["fc1.weight"].tolist() == [[1, 0], [0, 0]]
    assert small["fc1.bias"].tolist() == [0, 1]
    assert small["fc2.weight"].tolist() == [[1, 1]]
    assert small["fc3.weight"].tolist() == [[1]]
    state = shrunk(LENET300, {"fc2.weight": tensors["fc2.weight"]}, units)  # an optimiser's, of some tensors
    assert torch.equal(state["fc2.weight"], small["fc2.weight"])
    nothing = {name: torch.zeros_like(tensor) for name, tensor in tensors.items()}
    assert [mask.sum() for mask in live_units(LENET300, nothing).values()] == [1, 1]


# Surgery


def _plain_mask(sizes, before, multiple, recipe):
    """Guo et al. 2016, equation 3, with 0.9 and 1.1 times a threshold that lets enough weights pass."""
    threshold = np.mean(sizes) + multiple * np.std(sizes)
    least = max(1, round(recipe.least * sizes.size))
    threshold = min(threshold, np.sort(sizes)[-least] / 1.1)
    return [
        b if 0.9 * threshold <= s < 1.1 * threshold else s >= threshold
        for s, b in zip(sizes, before, strict=True)
    ]


@pytest.mark.parametrize("multiple", [0.0, 0.5, 4.0])
def test_masks(multiple):
    tensor = torch.randn(500, generator=_generator())
    before = (torch.rand(500, generator=_generator(1)) < 0.5).float()
    found = dns._mask(tensor, before, multiple, dns.RECIPE)
    wanted = _plain_mask(tensor.abs().double().numpy(), before.numpy(), multiple, dns.RECIPE)
    assert found.tolist() == wanted
    assert found.sum() >= 10  # the least share
    assert (found > before).any()  # what was pruned comes back
    assert (found < before).any()


def test_hysteresis():
    sizes = torch.tensor([0.89, 0.91, 1.09, 1.11, 1.0])  # their mean is 1
    signed = sizes * torch.tensor([1.0, -1, 1, -1, 1])
    for before in (0.0, 1.0):
        found = dns._mask(signed, torch.full((5,), before), 0.0, replace(dns.RECIPE, least=0.2))
        assert found.tolist() == [0, before, before, 1, before]
    assert dns._mask(torch.zeros(4), torch.ones(4), 0.0, dns.RECIPE).tolist() == [0] * 4


def _updates(monkeypatch, recipe):
    """(step of the surgery, multiple) of each update of the masks of a training, and the network."""
    x, y = _columns(40, 2)
    told, found = [], []
    mask = dns._mask

    def watched(tensor, before, multiple, recipe):
        if tensor.shape == (2,):  # the last bias stands for all
            found.append((len(told) - recipe.lengths[0], multiple))
        return mask(tensor, before, multiple, recipe)

    monkeypatch.setattr(dns, "_mask", watched)
    monkeypatch.setattr("mdlcodec.sender.descent._EXAMPLES", 40)
    given = _task(LENET300, x, y, 2, progress=lambda *step: told.append(step))
    return found, dns.sparsify(given, recipe)


def test_when_masks_are_updated(monkeypatch):
    recipe = replace(dns.RECIPE, lengths=(20, 400, 20), multiples=(0.0,), probabilities=(1.0, 0.3, 0.0, 1.0))
    found, _ = _updates(monkeypatch, recipe)
    steps = [step for step, _ in found]
    assert steps[:100] == list(range(100))
    assert steps[-100:] == list(range(300, 400))
    assert 15 <= len(steps) - 200 <= 45  # of 100 with probability 0.3
    assert max(steps[:-100]) < 200


def test_thresholds_rise_in_stages(monkeypatch):
    recipe = replace(dns.RECIPE, lengths=(20, 100, 20), multiples=(0.0, 1.0, 4.0), probabilities=(0.0,))
    found, pruned = _updates(monkeypatch, recipe)
    assert found == [(0, 0.0), (30, 1.0), (60, 4.0)]  # the last from 60 % on
    _, milder = _updates(monkeypatch, replace(recipe, multiples=(0.0,)))
    assert _nonzeros(pruned) < _nonzeros(milder)
    assert dns.RECIPE.multiples[0] == 0.0
    assert dns.RECIPE.multiples[-1] == 4.0
    assert dns.RECIPE.probabilities[0] == 1.0
    assert dns.RECIPE.probabilities[-1] == 1e-3


def test_centres_are_trained_and_zero_stays():
    x, y = _columns(64, 4)
    given = _task(LENET300, x, y, 4, bits=3)
    tensors = _sparse_tensors(LENET300, (6,), 4, density=0.2)
    losses = []
    found = quantise(given, tensors, 100, 64, 1e-2, _generator(), losses.append)
    assert len(losses) == 100
    assert losses[-1] < 0.8 * losses[0]
    for name, tensor in tensors.items():
        assert not found[name][tensor == 0].any()
        values, first = np.unique(found[name].numpy(), return_index=True)
        assert len(values) <= 8
        assert len(first) > 1 or not tensor.any()
    start = quantise(given, tensors, 0, 64, 1e-2, _generator(), losses.append)
    for name, tensor in found.items():
        pairs = {*zip(start[name].flatten().tolist(), tensor.flatten().tolist(), strict=True)}
        assert len(pairs) == len(np.unique(start[name]))  # a weight keeps its centre
        if name.endswith("weight"):
            assert all((a == b) == (a == 0) for a, b in pairs)  # and all centres but 0 move


def test_adam():
    tensors = {"a": torch.randn(4, generator=_generator()), "b": torch.zeros(2)}
    theirs = tensors["a"].clone().requires_grad_()
    ours, reference = Adam(), torch.optim.Adam([theirs], betas=(0.9, 0.99))
    for step in range(1, 6):
        gradient = torch.randn(4, generator=_generator(step))
        rate = 0.1 / step
        reference.param_groups[0]["lr"] = rate
        tensors["a"].grad = theirs.grad = gradient
        ours.update(tensors, rate)
        reference.step()
        assert (tensors["a"] - theirs).abs().max() < 1e-6
    assert tensors["b"].tolist() == [0, 0]  # it has no gradient
    ours.shrink(lambda state: {name: tensor[:2] for name, tensor in state.items()})
    tensors["a"], theirs.grad = tensors["a"][:2].clone(), torch.ones(4)
    tensors["a"].grad = torch.ones(2)
    ours.update(tensors, rate)
    reference.step()
    assert (tensors["a"] - theirs[:2]).abs().max() < 1e-6


# The price of bits


def test_levels():
    values = torch.tensor([0.0, 0.54, -0.54, 0.56, -0.7, 1.4, 1.6, -9.0])
    wanted = [0, 0, 0, 1, -1, 1, 2, -3]
    assert quantisation.levels(values, 3).tolist() == wanted
    values.requires_grad_()
    shown = quantisation.straight_through(values, 3)
    assert (shown - torch.tensor(wanted)).abs().max() < 1e-6
    (gradient,) = torch.autograd.grad((shown * torch.arange(8.0)).sum(), values)
    assert gradient.tolist() == list(range(8))


@pytest.mark.parametrize("shape", [(7, 5), (4, 3, 5, 5)])
def test_the_price_of_not_being_zero(shape):
    generator = _generator()
    quantised = torch.randn(shape, generator=generator).round() * (
        torch.rand(shape[0], generator=generator) > 0.3
    ).reshape(-1, *[1] * (len(shape) - 1))
    present = (quantised != 0).double().numpy().reshape(*shape[:2], -1)
    density = (present.sum() + 0.5) / (present.size + 1)
    found = quantisation.significance_prices(quantised)
    assert found.shape == (*shape[:2], *[1] * (len(shape) - 2))

    def odds(p):
        return p / (1 - p)

    for i in range(shape[0]):
        for j in range(shape[1]):
            row = (present[i].sum() + 2 * density) / (present[i].size + 2)
            column = (present[:, j].sum() + 2 * density) / (present[:, j].size + 2)
            bits = -math.log2(odds(row) * odds(column) / odds(density))
            assert abs(found[i, j].item() - min(max(bits, 1), 12)) < 1e-4


def test_the_price_of_levels():
    quantised = torch.tensor([0.0] * 50 + [1] * 20 + [-1] * 20 + [2] * 15 + [-3] * 5 + [4] * 1)
    prices = quantisation.level_prices(quantised, 4).tolist()
    counts = np.array([40, 15, 5, 1]) + 0.5
    # up to level k: the sign, and how often the tensor has that level
    assert np.cumsum(prices[:4]) == pytest.approx(1 - np.log2(counts / counts.sum()), abs=1e-5)
    assert len(prices) == 5
    # levels that are rare among larger ones cost no less than those before them
    rising = quantisation.level_prices(torch.tensor([1.0] + [2] * 9), 2)
    assert (rising[1:] >= 0.5).all()


def test_slopes_are_those_of_the_price():
    generator = _generator()
    values = 3 * torch.randn(40, 30, generator=generator)
    quantised = quantisation.levels(values, 7)
    significance = quantisation.significance_prices(quantised)
    level = quantisation.level_prices(quantised, 7)

    def bits(v):
        """Linear between levels: from 0 to 1 the significance and the first level, then one level after another."""
        size = v.abs().double()
        total = (significance + level[0]) * size.clamp(max=1)
        for k in range(1, 7):
            total = total + level[k] * (size - k).clamp(0, 1)
        return total + level[7] * (size - 7).clamp(min=0)

    step = 1e-4
    inside = ((values.abs() % 1) > step) & ((values.abs() % 1) < 1 - step)  # not at a kink
    difference = (bits(values.double() + step) - bits(values.double() - step)) / (2 * step)
    found = quantisation.slopes(values, significance, level)
    assert inside.float().mean() > 0.99
    assert (found - difference)[inside].abs().max() < 1e-3
    assert torch.isfinite(quantisation.slopes(torch.tensor([1e30, -math.inf]), torch.ones(2), level)).all()


def test_the_price_joins_the_gradients():
    value = torch.tensor([[1.4, -0.3], [0.0, 2.7]])
    value.grad = torch.full((2, 2), 0.5)
    unused = torch.ones(2)
    values = {"fc1.weight": value, "conv1.bias": unused}
    prices = entropy._prices(values, 7)
    entropy._add_price(values, prices, 0.01)
    wanted = 0.5 + 0.01 * quantisation.slopes(value, *prices["fc1.weight"])
    assert torch.equal(value.grad, wanted)
    assert unused.grad is None


# Examples


def test_batches():
    order = iter([[2, 0, 1], [1, 2, 0], [0, 1, 2], [0, 2, 1]])
    found = descent.batches(5, lambda: np.array(next(order)))
    assert [next(found).tolist(), next(found).tolist()] == [[2, 0, 1, 1, 2], [0, 0, 1, 2, 0]]
    rows = batches(10, 4, _generator())
    epoch = torch.cat([next(rows) for _ in range(5)])
    assert sorted(epoch[:10].tolist()) == sorted(epoch[10:].tolist()) == list(range(10))
    assert epoch[:10].tolist() != epoch[10:].tolist()


def test_moved_copies():
    x, _ = _images(30, 4, (16, 18, 2))
    images = torch.from_numpy(x.transpose(0, 3, 1, 2)) - 0.3
    still = moved_copies(images, 2, 0.0, _generator())
    assert still.dtype == torch.bfloat16
    assert still.shape == (90, 2, 16, 18)
    for copy in still.split(30):
        assert (copy - images).abs().max() < 0.01
    moved = moved_copies(images, 2, 1.0, _generator()).split(30)
    assert (moved[0] - images).abs().max() < 0.01
    for copy in moved[1:]:
        change = (copy.float() - images).flatten(1).abs()
        assert (change.amax(1) > 0.1).all()  # each has moved,
        assert change.mean() < 0.1  # a little
        assert copy.min() > images.min() - 0.01  # and nothing darker came in
    assert not torch.equal(moved[1], moved[2])
