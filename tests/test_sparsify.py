"""Training of small sparse networks for the two-part code, and the parts that it is made of."""

import math
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch
from torch.nn import functional

from mdlcodec import codes, data
from mdlcodec.codes import Options, Settings
from mdlcodec.data.targets import Classes
from mdlcodec.errors import BadData, InexactComputation
from mdlcodec.nn.graph import Graph, sequence
from mdlcodec.nn.nodes import Convolution, Flatten, Linear, MaxPooling, Rectify
from mdlcodec.nn.weights import check_fit, weights_of
from mdlcodec.nn.zoo import ARCHITECTURES, LENET5, LENET_300_100, Architecture
from mdlcodec.sender.dead_units import live_units
from mdlcodec.sender.examples import Examples
from mdlcodec.sender.float_network import arranged, float_forward, float_outputs, initial_tensors
from mdlcodec.sender.loop import Trainer
from mdlcodec.sender.moved_copies import moved_copies
from mdlcodec.sender.pooled_convolution import LANES, ConvolvePool
from mdlcodec.sender.pooled_forward import (
    biases_pass,
    quick_forward,
    rounded_batch,
    sparse_forward,
    with_passed_biases,
)
from mdlcodec.sender.sparsify import (
    Choices,
    Sparsifier,
    dns,
    entropy,
    quantisation,
    sparse_network,
    steps_of,
)
from mdlcodec.sender.sparsify.centres import CentreTraining
from mdlcodec.sender.sparsify.shrinking_adam import ShrinkingAdam
from mdlcodec.sender.task import Task


@pytest.fixture(autouse=True)
def one_thread():
    """What is the same on one machine with one thread need not be with more."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


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


def _trainer(architecture, x, y, k, *, seed=0, effort=1.0, observers=()):
    return Trainer(Task.of(architecture, x, y, k, seed=seed, effort=effort), observers)


def _flat(tensors):
    return b"".join(tensor.numpy().tobytes() for tensor in tensors.values())


def _nonzeros(tensors):
    return sum(int((tensor != 0).sum()) for tensor in tensors.values())


SETS = {
    "columns": (LENET_300_100, lambda n, k: _columns(n, k, 30)),
    "flat images": (LENET_300_100, lambda n, k: _images(n, k, (8, 8, 1))),
    "images": (LENET5, lambda n, k: _images(n, k, (16, 16, 1))),
    "colour": (LENET5, lambda n, k: _images(n, k, (17, 20, 3))),
}


@cache
def _trained(name, sparsify, bits, seed=0):
    architecture, examples = SETS[name]
    x, y = examples(50, 2)
    trainer = _trainer(architecture, x, y, 2, seed=seed, effort=0.05)
    return sparse_network(trainer, sparsify=sparsify, choices=Choices(bits=bits))


# Whole trainings


@pytest.mark.parametrize("sparsify", ["dns", "entropy"])
@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("bits", [2, 4])
def test_what_comes_out(name, sparsify, bits):
    architecture, examples = SETS[name]
    tensors = _trained(name, sparsify, bits)
    shape = examples(50, 2)[0].shape[1:]
    nominal = architecture.tensors(shape, 2)
    assert list(tensors) == list(nominal)
    weights = weights_of(architecture, [t.numpy() for t in tensors.values()], layouts=(False,))
    check_fit(architecture, weights, shape, 2)
    for tensor_name, tensor in tensors.items():
        assert all(a <= b for a, b in zip(tensor.shape, nominal[tensor_name].shape, strict=True))
        assert min(tensor.shape) > 0
        assert tensor.dtype == torch.float32
        assert tensor.isfinite().all()
        assert len(tensor.unique()) <= 2**bits
        assert not torch.signbit(tensor[tensor == 0]).any()
    graph = architecture.graph.fitted({key: tuple(tensor.shape) for key, tensor in tensors.items()})
    for mask in live_units(graph, tensors).values():
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
    trainer = _trainer(architecture, x, y, 4, seed=1, effort=effort, observers=(told.append,))
    tensors = sparse_network(trainer, sparsify=sparsify, choices=Choices())
    weights = weights_of(architecture, [tensor.numpy() for tensor in tensors.values()])
    wrong = np.mean(float_outputs(architecture, weights, x).argmax(1) != y)
    assert wrong < 0.4  # chance is 0.75
    assert _nonzeros(tensors) < architecture.parameters(x.shape[1:], 4) / 4
    assert len(told) == steps_of(architecture, sparsify, Choices(), effort, 600)
    assert 0 <= told[-1].recent < told[0].recent


def _looking(moment):
    """Asks for everything, and draws random numbers."""
    if moment.done % 7 == 0:
        phase = moment.phase
        tensors = phase.tensors()
        assert all(tensor.isfinite().all() for tensor in tensors.values())
        assert list(phase.activations(phase.task.x[:3])) == [v.name for v in phase.graph.vertices]
        assert phase.gradients()
        torch.randn(3)


@pytest.mark.parametrize("sparsify", ["dns", "entropy"])
@pytest.mark.parametrize("name", ["columns", "images"])
def test_observers_change_nothing(name, sparsify):
    architecture, examples = SETS[name]
    x, y = examples(50, 2)
    trainer = _trainer(architecture, x, y, 2, effort=0.05, observers=(_looking,))
    assert _flat(sparse_network(trainer, sparsify=sparsify, choices=Choices())) == _flat(
        _trained(name, sparsify, 4)
    )


@pytest.mark.parametrize("sparsify", ["dns", "entropy"])
def test_an_observer_can_leave(sparsify):
    def leave(moment):
        if moment.done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sparse_network(
            _trainer(LENET_300_100, *_columns(50, 2), 2, observers=(leave,)),
            sparsify=sparsify,
            choices=Choices(),
        )


@pytest.mark.parametrize("sparsify", ["dns", "entropy"])
@pytest.mark.parametrize("name", ["columns", "images"])
def test_seeds(name, sparsify):
    found = [_flat(_trained.__wrapped__(name, sparsify, 4, seed)) for seed in (0, 1, 2**64 - 1)]
    assert len(set(found)) == 3
    assert found[0] == _flat(_trained(name, sparsify, 4))


def test_a_network_costs_more_than_it_saves():
    """50 labels of two classes are 50 bits: no network is worth them, and at exchange 0 any is."""
    x, y = _columns(50, 2)
    trainer, pricing = _trainer(LENET_300_100, x, y, 2, effort=0.15), entropy.pricing_of(LENET_300_100)
    networks = [entropy.sparsify(trainer, Choices(), replace(pricing, exchange=e)) for e in (0.0, 0.1, 30.0)]
    counts = [_nonzeros(tensors) for tensors in networks]
    assert counts[0] > 2 * counts[1] > 2 * counts[2]


@pytest.mark.parametrize(
    "train",
    [
        lambda trainer: dns.sparsify(trainer, Choices(), replace(dns.SURGERY, rate=1e30)),
        # in the surgery, before the centres
        lambda trainer: dns.sparsify(trainer, Choices(), replace(dns.SURGERY, adam_rate=1e30)),
        lambda trainer: entropy.sparsify(trainer, Choices(), entropy.Pricing(widths=(100, 40), rate=1e30)),
    ],
)
def test_wild_rates_diverge(train):
    with pytest.raises(InexactComputation, match=r"training diverged.*choose another --seed"):
        train(_trainer(LENET_300_100, *_columns(50, 2), 2, effort=0.05))


@pytest.mark.parametrize("sparsify", ["dns", "entropy"])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_examples_that_are_not_finite_diverge(sparsify, bad):
    x, y = _columns(50, 2)
    x[7, 1] = bad
    with pytest.raises(InexactComputation, match="training diverged"):
        sparse_network(_trainer(LENET_300_100, x, y, 2, effort=0.05), sparsify=sparsify, choices=Choices())


def test_no_network_that_is_not_finite_comes_out():
    trainer = _trainer(LENET_300_100, *_columns(50, 2), 2)
    names = trainer.task.graph.tensors(trainer.task.inputs)
    broken = {name: torch.full((2, 2), math.inf) for name in names}
    with pytest.raises(InexactComputation, match="training diverged"):
        sparse_network(
            trainer, sparsify=Sparsifier(lambda *_: broken, dns.number_of_steps), choices=Choices()
        )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sparsify": "magic"}, "no way to sparsify named 'magic'; choose one of entropy, dns, vib"),
        ({"choices": Choices(bits=1)}, "no codebooks of 1 bits; choose 2 to 8"),
        ({"choices": Choices(bits=9)}, "no codebooks of 9 bits"),
    ],
)
def test_bad_arguments(change, message):
    with pytest.raises(BadData, match=message):
        sparse_network(
            _trainer(LENET_300_100, *_columns(50, 2), 2),
            **({"sparsify": "dns", "choices": Choices()} | change),
        )


def test_numbers_of_steps():
    for architecture in ARCHITECTURES.values():
        named = architecture.name in entropy.PRICINGS
        assert steps_of(architecture, "entropy", Choices(), 1.0, 60_000) == (40_000 if named else 20_000)
        assert steps_of(architecture, "dns", Choices(), 1.0, 600_000) == 17_000
        assert steps_of(architecture, "dns", Choices(), 0.5, 15_000) == 4250
        assert steps_of(architecture, "entropy", Choices(), 1e-9, 1) == 20
    with pytest.raises(BadData, match="magic"):
        steps_of(LENET5, "magic", Choices(), 1.0, 5)
    inputs = data.from_arrays(np.zeros((15_000, 6)), None).inputs
    prepared = codes.CODES["two-part"].prepare(inputs, Classes(3), Settings(5, 5, 0))
    work = prepared.sending_cost().work
    assert work > 20_000 * 3 * 128 * 1000
    dns, published = (
        prepared.sending_cost(Options(sparsify="dns", as_published=published)).work
        for published in (None, True)
    )
    assert 15 * dns < published  # 51,000 steps of 1,024 in place of 17,000 of 128


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
    graph, entering = architecture.for_targets(shape, k)
    generator = _generator(seed)
    tensors = initial_tensors(graph, entering, lambda size: torch.randn(size, generator=generator))
    for name, tensor in tensors.items():
        tensors[name] = 10 * tensor * (torch.rand(tensor.shape, generator=generator) < density)
    tensors["fc1.bias"][::7] = 0.3
    return tensors


NETS = [(LENET5, (28, 28, 1)), (LENET5, (18, 21, 3)), (LENET_300_100, (64,))]


@pytest.mark.parametrize("forward", [sparse_forward, quick_forward])
@pytest.mark.parametrize(("architecture", "shape"), NETS)
def test_faster_forms_compute_the_network(architecture, shape, forward):
    tensors = _sparse_tensors(architecture, shape, density=0.3)
    batch = arranged(architecture, np.random.default_rng(3).random((2 * LANES, *shape), np.float32))
    for tensor in tensors.values():
        tensor.requires_grad_()
    graph = architecture.graph.for_outputs(3)
    ours, theirs = forward(graph, tensors, batch), float_forward(graph, tensors, batch)
    assert (ours - theirs).abs().max() < 1e-5 * theirs.abs().max()
    y = torch.arange(len(batch)) % 3
    # a sparse form knows no biases of convolutions
    used = [
        tensor
        for name, tensor in tensors.items()
        if forward is quick_forward or name[:4] != "conv" or name.endswith("weight")
    ]
    gradients = [torch.autograd.grad(functional.cross_entropy(out, y), used) for out in (ours, theirs)]
    for a, b in zip(*gradients, strict=True):
        assert b.abs().max() > 0
        assert (a - b).abs().max() < 1e-4 * b.abs().max()


POOLED = (Convolution(4, 5), MaxPooling())


@pytest.mark.parametrize(
    ("graph", "passes"),
    [
        (LENET5.graph, True),
        (LENET_300_100.graph, False),
        (sequence(*POOLED, Flatten(), Linear()), True),
        (sequence(*POOLED, Flatten("hwc"), Linear()), False),
        (sequence(*POOLED, Flatten(), Rectify(), Linear()), False),
        (sequence(*POOLED, Rectify(), Flatten(), Linear()), False),
        (sequence(Convolution(4, 5, padding=1), MaxPooling(), Flatten(), Linear()), False),
        (sequence(Convolution(4, 5), MaxPooling(3, 2), Flatten(), Linear()), False),
    ],
)
def test_where_biases_of_convolutions_pass(graph: Graph, passes):
    assert biases_pass(graph) == passes
    architecture = Architecture("own", 127, graph, 1)
    shape = (16, 18, 2)
    tensors = {
        name: torch.randn(p.shape, generator=_generator())
        for name, p in architecture.tensors(shape, 3).items()
    }
    batch = arranged(architecture, np.random.default_rng(3).random((LANES, *shape), np.float32))
    made = graph.for_outputs(3)
    expected = float_forward(made, tensors, batch)
    tensors = with_passed_biases(made, tensors)
    if passes:
        assert not any(t.any() for n, t in tensors.items() if "conv" in n and n.endswith("bias"))
    for forward in (sparse_forward, quick_forward):
        assert (forward(made, tensors, batch) - expected).abs().max() < 1e-5 * expected.abs().max()


def test_batches_fill_lanes():
    assert [rounded_batch(128, n) for n in (1, 16, 17, 120, 128, 1000)] == [16, 16, 32, 128, 128, 128]


# Surgery


def _plain_mask(sizes, before, multiple, surgery):
    """Guo et al. 2016, equation 3, with 0.9 and 1.1 times a threshold that lets enough weights pass."""
    threshold = np.mean(sizes) + multiple * np.std(sizes)
    least = max(1, round(surgery.least * sizes.size))
    threshold = min(threshold, np.sort(sizes)[-least] / 1.1)
    return [
        b if 0.9 * threshold <= s < 1.1 * threshold else s >= threshold
        for s, b in zip(sizes, before, strict=True)
    ]


@pytest.mark.parametrize("multiple", [0.0, 0.5, 4.0])
def test_masks(multiple):
    tensor = torch.randn(500, generator=_generator())
    before = (torch.rand(500, generator=_generator(1)) < 0.5).float()
    found = dns._mask(tensor, before, multiple, dns.SURGERY)
    wanted = _plain_mask(tensor.abs().double().numpy(), before.numpy(), multiple, dns.SURGERY)
    assert found.tolist() == wanted
    assert found.sum() >= 10  # the least share
    assert (found > before).any()  # what was pruned comes back
    assert (found < before).any()


def test_hysteresis():
    sizes = torch.tensor([0.89, 0.91, 1.09, 1.11, 1.0])  # their mean is 1
    signed = sizes * torch.tensor([1.0, -1, 1, -1, 1])
    for before in (0.0, 1.0):
        found = dns._mask(signed, torch.full((5,), before), 0.0, replace(dns.SURGERY, least=0.2))
        assert found.tolist() == [0, before, before, 1, before]
    assert dns._mask(torch.zeros(4), torch.ones(4), 0.0, dns.SURGERY).tolist() == [0] * 4


def _updates(surgery):
    """(step of the surgery, multiple) of each update of the masks of a training, and the network."""
    found = {}

    def watch(moment):
        if isinstance(moment.phase, dns._Pruning):
            found["updates"] = moment.phase.updates

    x, y = _columns(40, 2)
    # an effort under which the lengths are those of the settings
    trainer = _trainer(LENET_300_100, x, y, 2, effort=(60_000 / 40) ** 0.5, observers=(watch,))
    tensors = dns.sparsify(trainer, Choices(), surgery)
    return found["updates"], tensors


def test_when_masks_are_updated():
    surgery = replace(
        dns.SURGERY, lengths=(20, 400, 20), multiples=(0.0,), probabilities=(1.0, 0.3, 0.0, 1.0)
    )
    found, _ = _updates(surgery)
    steps = [step for step, _ in found]
    assert steps[:100] == list(range(100))
    assert steps[-100:] == list(range(300, 400))
    assert 15 <= len(steps) - 200 <= 45  # of 100 with probability 0.3
    assert max(steps[:-100]) < 200


def test_thresholds_rise_in_stages():
    surgery = replace(dns.SURGERY, lengths=(20, 100, 20), multiples=(0.0, 1.0, 4.0), probabilities=(0.0,))
    found, pruned = _updates(surgery)
    assert found == [(0, 0.0), (30, 1.0), (60, 4.0)]  # the last from 60 % on
    _, milder = _updates(replace(surgery, multiples=(0.0,)))
    assert _nonzeros(pruned) < _nonzeros(milder)
    assert dns.SURGERY.multiples[0] == 0.0
    assert dns.SURGERY.multiples[-1] == 4.0
    assert dns.SURGERY.probabilities[0] == 1.0
    assert dns.SURGERY.probabilities[-1] == 1e-3


def test_centres_are_trained_and_zero_stays():
    x, y = _columns(64, 4)
    told, tensors = [], _sparse_tensors(LENET_300_100, (6,), 4, density=0.2)

    def trained(steps):
        trainer = _trainer(LENET_300_100, x, y, 4, observers=(told.append,))
        phase = CentreTraining(
            trainer.task,
            tensors,
            {},
            Choices(bits=3),
            steps,
            Examples(trainer.task, 64, _generator(), 0),
            1e-2,
        )
        trainer.run(phase)
        return phase.tensors()

    found = trained(100)
    assert len(told) == 100
    assert told[-1].loss < 0.8 * told[0].loss
    assert set(told[-1].phase.gradients()) == set(tensors)
    for name, tensor in tensors.items():
        assert not found[name][tensor == 0].any()
        values, first = np.unique(found[name].numpy(), return_index=True)
        assert len(values) <= 8
        assert len(first) > 1 or not tensor.any()
    start = trained(0)
    for name, tensor in found.items():
        pairs = {*zip(start[name].flatten().tolist(), tensor.flatten().tolist(), strict=True)}
        assert len(pairs) == len(np.unique(start[name]))  # a weight keeps its centre
        if name.endswith("weight"):
            assert all((a == b) == (a == 0) for a, b in pairs)  # and all centres but 0 move


def test_adam():
    tensors = {"a": torch.randn(4, generator=_generator()), "b": torch.zeros(2)}
    theirs = tensors["a"].clone().requires_grad_()
    ours, reference = ShrinkingAdam(), torch.optim.Adam([theirs], betas=(0.9, 0.99))
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
    prices = entropy._prices(values, dict.fromkeys(values, 7))
    entropy._add_price(values, prices, 0.01)
    wanted = 0.5 + 0.01 * quantisation.slopes(value, *prices["fc1.weight"])
    assert torch.equal(value.grad, wanted)
    assert unused.grad is None


# Examples


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
