"""The methods that train sparse networks under the one loop, and what follows them."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from click.testing import CliRunner

import mdlcodec
from mdlcodec.cli import main
from mdlcodec.errors import BadData
from mdlcodec.nn.graph import Builder
from mdlcodec.nn.nodes import Convolution, Flatten, Linear, MaxPooling, Normalisation, Rectify
from mdlcodec.nn.nodes.flatten import CHANNELS_FIRST
from mdlcodec.nn.weights import weights_of
from mdlcodec.nn.zoo import LENET5, LENET_300_100, Architecture, architecture_named
from mdlcodec.sender.float_network import float_forward, float_outputs, initial_tensors
from mdlcodec.sender.loop import Trainer
from mdlcodec.sender.pooled_forward import quick_forward
from mdlcodec.sender.random_gradients import random_gradient_pruned
from mdlcodec.sender.sparsify import SPARSIFIERS, Choices, check_choices, entropy, sparse_network, steps_of
from mdlcodec.sender.sparsify.centres import CentreTraining
from mdlcodec.sender.sparsify.contract import Method
from mdlcodec.sender.sparsify.entropy import PricedTraining
from mdlcodec.sender.sparsify.magnitude import largest
from mdlcodec.sender.sparsify.penalised import penalised
from mdlcodec.sender.sparsify.readings import INPUT, readings
from mdlcodec.sender.sparsify.tamade import thresholded
from mdlcodec.sender.sparsify.vib import InformationBottleneck
from mdlcodec.sender.task import Task

METHODS = ["vib", "pmmp", "drr", "rl1", "layerwise", "hard-concrete", "magnitude"]


@pytest.fixture(autouse=True)
def one_thread():
    """What is the same on one machine with one thread need not be with more."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def _columns(n, k, columns=12):
    """The class is told by three columns of many."""
    random = np.random.default_rng(n)
    y = (np.arange(n) % k).astype(np.int32)
    x = random.normal(size=(n, columns)).astype(np.float32)
    x[:, :3] += 3 * np.random.default_rng(1).normal(size=(k, 3))[y]
    return x, y


def _images(n, k, side=16):
    """The class is the quarter that is bright."""
    random = np.random.default_rng(n)
    y = (np.arange(n) % k).astype(np.int32)
    x = random.random((n, side, side, 1), np.float32) * 0.2
    half = side // 2
    for i, quarter in enumerate(y):
        x[i, quarter // 2 * half :, quarter % 2 * half :][:half, :half] += 0.7
    return x, y


def _normalised():
    net = Builder()
    net(Convolution(6, padding=1), name="conv1")
    net(Normalisation(), name="norm1")
    net(Rectify())
    net(MaxPooling())
    net(Convolution(5, padding=1), name="conv2")
    net(Normalisation(), name="norm2")
    net(Rectify())
    net(Flatten(CHANNELS_FIRST))
    net(Linear(), name="fc")
    return Architecture("normalised", 127, net.graph(), 1)


def _task(architecture, x, y, k, effort=0.01, seed=0):
    return Task.of(architecture, x, y, k, seed=seed, effort=effort)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("kind", ["columns", "images", "normalised"])
def test_a_method_trains_any_network(method, kind):
    if kind == "columns":
        architecture, (x, y) = architecture_named("mlp-20-10"), _columns(120, 3)
    else:
        architecture = LENET5 if kind == "images" else _normalised()
        x, y = _images(64, 3, 16)
    task = _task(architecture, x, y, 3)
    choices = Choices(bits=3, priced=kind == "columns")
    tensors = sparse_network(Trainer(task), sparsify=method, choices=choices)
    assert list(tensors) == list(task.graph.tensors(task.inputs))
    assert all(tensor.isfinite().all() and tensor.dtype == torch.float32 for tensor in tensors.values())
    statistics = ("running_mean", "running_var")
    assert all(len(t.unique()) <= 8 for name, t in tensors.items() if not name.endswith(statistics))
    if kind != "columns":
        return
    again = sparse_network(Trainer(task), sparsify=method, choices=choices)
    assert all(torch.equal(tensors[name], again[name]) for name in tensors)


@pytest.mark.parametrize("priced", [True, False])
def test_what_is_trained_on_is_the_network_that_is_sent(priced):
    """LeNet-5's convolutions have biases by then, and a form of it that is faster knows none."""
    x, y = _images(128, 3, 16)  # a batch is all examples
    task = _task(LENET5, x, y, 3, effort=0.02)
    losses, shown = [], []

    class Plain(Method):
        strength, strengths, frontier, tamade, rgp, copies = 1.0, (0.0, 1.0), (0.1, 0.9), 0.0, False, 0

        def penalise(self, weights, part, price):
            pass

        def left(self, weights):
            return {name: t + 0.3 if name == "conv1.bias" else t for name, t in weights.items()}

    def observer(moment):
        if isinstance(moment.phase, PricedTraining | CentreTraining):
            losses.append(moment.loss)
            shown.append({name: tensor.clone() for name, tensor in moment.phase.tensors().items()})

    with pytest.MonkeyPatch.context() as patch:
        pricing = replace(entropy.pricing_of(LENET5), copies=0)
        patch.setattr(entropy, "pricing_of", lambda architecture: pricing)
        trainer = Trainer(task, observers=(observer,))
        sparse_network(trainer, sparsify=penalised(Plain), choices=Choices(bits=6, priced=priced))
    assert len(losses) > 2
    for tensors, told in zip(shown[:-1], losses[1:], strict=True):
        graph = task.graph.fitted({name: tuple(tensor.shape) for name, tensor in tensors.items()})
        loss = task.mean_loss(lambda x, t=tensors, g=graph: float_forward(g, t, x))
        assert told == pytest.approx(loss, rel=1e-3)


@pytest.mark.parametrize("method", METHODS)
def test_it_learns_and_weights_go(method):
    architecture = architecture_named("mlp-30-20")
    x, y = _columns(600, 4)
    task = _task(architecture, x, y, 4, effort=0.3)
    strengths = {"vib": 0.05, "pmmp": 3.0, "drr": 3.0, "layerwise": 30.0, "magnitude": 0.8}
    choices = Choices(strength=strengths.get(method))
    tensors = sparse_network(Trainer(task), sparsify=method, choices=choices)
    weights = weights_of(architecture, [tensor.numpy() for tensor in tensors.values()])
    assert np.mean(float_outputs(architecture, weights, x).argmax(1) != y) < 0.3  # chance is 0.75
    left = sum(int((tensor != 0).sum()) for tensor in tensors.values() if tensor.dim() > 1)
    assert left < 0.7 * (12 * 30 + 30 * 20 + 20 * 4)


@pytest.mark.parametrize("method", METHODS)
def test_real_numbers(method):
    x, _ = _columns(200, 3)
    values = (x[:, 0] - x[:, 1]).astype(np.float32)
    values = (values - values.mean()) / values.std()
    task = Task.of_reals(architecture_named("mlp-10"), x, values, seed=0, effort=0.05)
    tensors = sparse_network(Trainer(task), sparsify=method, choices=Choices())
    assert tensors["fc2.weight"].shape[0] == 1


def test_a_method_of_ones_own_is_a_class():
    class Halves(Method):
        strength, strengths, frontier, tamade = 0.5, (0.0, 1.0), (0.1, 0.9), 0.0

        def penalise(self, weights, part, price):
            pass

        def left(self, weights):
            masks = largest(weights, self.chosen)
            return {name: tensor * masks.get(name, 1.0) for name, tensor in weights.items()}

    x, y = _columns(60, 3)
    task = _task(architecture_named("mlp-8"), x, y, 3)
    tensors = sparse_network(
        Trainer(task), sparsify=penalised(Halves), choices=Choices(strength=0.75, priced=False)
    )
    left = sum(int((tensor != 0).sum()) for tensor in tensors.values() if tensor.dim() > 1)
    assert left <= math.ceil(0.25 * (12 * 8 + 8 * 3))


def test_a_price_of_bits_in_place_of_codebooks():
    x, y = _columns(120, 3)
    task = _task(architecture_named("mlp-20"), x, y, 3)
    tensors = sparse_network(Trainer(task), sparsify="drr", choices=Choices())
    for tensor in tensors.values():
        levels = tensor[tensor != 0].abs().unique()
        if len(levels):
            assert (
                torch.allclose(levels / levels.min(), (levels / levels.min()).round(), atol=1e-4)
                or len(levels) <= 7
            )


# VIBNet


def _gated(architecture, x, y, k):
    task = _task(architecture, x, y, k)
    generator = torch.Generator().manual_seed(3)
    method = InformationBottleneck(task, task.graph, Choices(), 100, generator)
    tensors = initial_tensors(task.graph, task.inputs, lambda shape: torch.randn(shape, generator=generator))
    return task, method, tensors


@pytest.mark.parametrize(
    ("architecture", "x"),
    [
        (architecture_named("mlp-20-10"), _columns(16, 3)[0]),
        (LENET_300_100, _images(16, 3, 8)[0]),
        (LENET5, _images(16, 3)[0]),
        (_normalised(), _images(16, 3)[0]),
        (architecture_named("resnet20"), _images(16, 3)[0]),
        (architecture_named("vgg16"), _images(16, 3, 32)[0]),
    ],
)
def test_means_fold_into_the_weights_that_read_them(architecture, x):
    task, method, tensors = _gated(architecture, x, np.arange(16) % 3, 3)
    for name in method.means:
        method.log_variances[name].fill_(-40.0)  # no noise
        method.means[name] += 0.3 * torch.randn(method.means[name].shape, generator=method.rng)
    method.shown(tensors)
    # running statistics as in prediction: moved by nothing
    with torch.no_grad():
        noisy = quick_forward(task.graph, {n: t.clone() for n, t in tensors.items()}, task.x, method.entering)
        plain = quick_forward(task.graph, {n: t.clone() for n, t in method.left(tensors).items()}, task.x)
    scale = noisy.abs().max()
    assert torch.allclose(noisy / scale, plain / scale, atol=2e-4)


def test_units_leave_where_noise_is_as_large_as_their_mean():
    _, method, tensors = _gated(architecture_named("mlp-20-10"), *_columns(16, 3), 3)
    assert [layer.name for layer in method.layers] == [INPUT, "fc1", "fc2"]
    assert [layer.units for layer in method.layers] == [12, 20, 10]
    method.log_variances["fc1"][4] = 3.0
    method.log_variances[INPUT][2] = 3.0
    assert method.stays("fc1").sum() == 19
    left = method.left(tensors)
    assert (left["fc2.weight"][:, 4] == 0).all()
    assert (left["fc1.weight"][:, 2] == 0).all()
    assert (left["fc2.weight"] != 0).any(0).sum() == 19


def test_the_strength_says_what_gamma_is():
    task, method, _ = _gated(LENET5, *_images(16, 3), 3)
    # conv1 12 -> 6 after pooling is read by conv2; conv2 by fc1, one place; fc1 by fc2
    places = {layer.name: layer.places for layer in method.layers}
    assert places == {"conv1": 36, "conv2": 1, "fc1": 1}
    assert method.prices == {name: method.chosen * m / 2 for name, m in places.items()}
    given = InformationBottleneck(task, task.graph, Choices(gamma=(3.0, 6.0, 9.0)), 100, method.rng)
    assert given.prices == {"conv1": 1.0, "conv2": 2.0, "fc1": 3.0}
    with pytest.raises(BadData, match="gamma has 2 numbers"):
        InformationBottleneck(task, task.graph, Choices(gamma=(3.0, 6.0)), 100, method.rng)


def test_the_penalty_is_the_posters():
    """The gradient that is added is that of sum gamma_i / L log(1 + mu^2 / sigma^2), but for the decay."""
    _, method, tensors = _gated(architecture_named("mlp-20-10"), *_columns(16, 3), 3)
    method.log_variances = {n: v * 0 - 1.0 for n, v in method.log_variances.items()}
    leaves = [*method.means.values(), *method.log_variances.values()]
    for leaf in leaves:
        leaf.requires_grad_()
    total = sum(
        method.prices[n] * torch.log(1 + method.means[n] ** 2 / method.log_variances[n].exp()).sum()
        for n in method.means
    )
    expected = torch.autograd.grad(total, leaves)
    for leaf in leaves:
        leaf.requires_grad_(False)
        leaf.grad = torch.zeros_like(leaf)
    method.penalise(tensors, 0.5, 1.0)
    for leaf, slope in zip(leaves, expected, strict=True):
        assert torch.allclose(leaf.grad, slope, atol=2e-4)


def test_a_network_without_units_that_can_leave():
    task = _task(architecture_named("mlp-2"), *_columns(16, 3), 3)
    assert [reading.name for reading in readings(task.graph, task.inputs)] == [INPUT, "fc1"]


# What follows a method


def test_the_largest_threshold_that_the_loss_allows():
    weights = {"a": torch.tensor([[0.1, -0.2, 0.4, 0.8]]), "b": torch.tensor([0.05])}

    def loss(changed):
        return 1.0 + float((changed["a"] == 0).sum())

    kept, threshold = thresholded(weights, loss, 1.5)  # one may go
    assert (kept["a"] != 0).sum() == 3
    assert kept["b"] == weights["b"]
    assert 0.1 < threshold < 0.201
    assert thresholded(weights, loss, 0.0)[0]["a"].ne(0).all()


def test_random_gradient_pruning_keeps_the_function():
    architecture = architecture_named("mlp-12-9")
    x, y = _columns(40, 3)
    task = _task(architecture, x, y, 3)
    generator = torch.Generator().manual_seed(0)
    tensors = initial_tensors(task.graph, task.inputs, lambda shape: torch.randn(shape, generator=generator))
    tensors["fc2.weight"][:, 3] = 0.0  # nothing reads unit 3 of fc1
    tensors["fc1.weight"][5] = 0.0  # unit 5 of fc1 is always 0
    tensors["fc1.bias"][7] = -1e6  # silent on any batch, and not dead
    pruned, gone = random_gradient_pruned(task.graph, tensors, task.noise)
    assert gone == 12 + 9
    assert (pruned["fc1.weight"][3] == 0).all()
    assert (pruned["fc2.weight"][:, 5] == 0).all()
    assert (pruned["fc1.weight"][7] != 0).any()
    some = torch.randn(500, 12, generator=generator)
    assert torch.equal(float_forward(task.graph, tensors, some), float_forward(task.graph, pruned, some))


def test_shares_of_the_smallest():
    weights = {"a": torch.arange(1.0, 11.0).reshape(2, 5), "b": torch.arange(5.0)}
    assert int(largest(weights, 0.7)["a"].sum()) == 3
    assert set(largest(weights, 0.7)) == {"a"}
    assert int(largest(weights, 0.0)["a"].sum()) == 10
    with pytest.raises(BadData, match="no weight is left"):
        largest(weights, 0.99)


@pytest.mark.parametrize("choices", [Choices(), Choices(priced=False, teacher=True)])
@pytest.mark.parametrize("method", METHODS)
def test_a_forecast_counts_the_steps_that_are_trained(method, choices):
    x, y = _columns(300, 3)
    architecture, effort, trained = architecture_named("mlp-30"), 0.05, []
    task = Task.of(architecture, x, y, 3, seed=0, effort=effort)
    sparse_network(Trainer(task, [trained.append]), sparsify=method, choices=choices)
    assert len(trained) == steps_of(architecture, method, choices, effort, 300)


# What a sender may choose


@pytest.mark.parametrize("sparsify", SPARSIFIERS)
@pytest.mark.parametrize("strength", [0.0, 1e30, -1.0, math.nan, math.inf])
def test_strengths_out_of_range(sparsify, strength):
    if sparsify == "after-fit" and strength == 0.0:
        pytest.skip("none need go")
    with pytest.raises(BadData, match="out of range"):
        check_choices(sparsify, Choices(strength=strength))


@pytest.mark.parametrize(
    ("sparsify", "choices", "text"),
    [
        ("drr", Choices(gamma=(1.0,)), "takes no gamma"),
        ("entropy", Choices(tamade=0.1), "takes no tamade"),
        ("drr", Choices(as_published=True), "takes no as_published"),
        ("vib", Choices(gamma=(1.0, -1.0)), "positive"),
        ("drr", Choices(tamade=-0.1), "tamade is a number"),
        ("drr", Choices(rho=math.nan), "rho is a number"),
        ("drr", Choices(bits=9), "codebooks of 9 bits"),
        ("best", Choices(), "no way to sparsify"),
        ("dns", Choices(copies=(0, 0)), "takes no copies"),
        ("after-fit", Choices(moved=(2.0, 2.0)), "takes no moved"),
        ("drr", Choices(copies=(4, 65)), "copies are 0 to 64 of each image, not 65"),
        ("drr", Choices(copies=(-1, 4)), "copies are 0 to 64"),
        ("entropy", Choices(moved=(1.0, math.nan)), "moved is a number of 0 to 10"),
    ],
)
def test_choices_that_do_not_exist(sparsify, choices, text):
    with pytest.raises(BadData, match=text):
        check_choices(sparsify, choices)


def test_as_published_is_longer_and_without_a_floor():
    from mdlcodec.sender.sparsify import dns

    assert sum(dns.PUBLISHED.lengths) == 51_000
    assert (dns.PUBLISHED.batch, dns.PUBLISHED.weight_decay, dns.PUBLISHED.least) == (1024, 5e-3, 0.0)


@pytest.mark.parametrize("method", ["drr", "rl1", "vib", "hard-concrete", "layerwise"])
def test_a_network_without_a_single_weight_is_a_legal_file(method):
    """All weights are worth less than they cost: labels are coded under biases alone."""
    x, y = _columns(90, 3)
    largest_strength = SPARSIFIERS[method].strengths[1]
    blob = mdlcodec.encode(
        x, y, code="two-part", net="mlp-6", preset=1, sparsify=method, strength=largest_strength
    )
    weights = mdlcodec.unpack(blob)
    if method in ("vib", "hard-concrete", "layerwise"):
        assert not any(array.any() for name, array in weights.items() if name.endswith("weight"))
    assert np.array_equal(mdlcodec.decode(blob, x), y)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["--strength", "0"], "strength 0 is out of range for the sparsifier drr"),
        (["--strength", "1e9"], "strength 1e+09 is out of range"),
        (["--gamma", "1,2"], "the sparsifier drr takes no gamma"),
        (["--as-published"], "the sparsifier drr takes no as_published"),
        (["--rho", "-1"], "rho is a number of 0 to 1e+09, not -1"),
    ],
)
def test_choices_that_are_refused_in_one_line(options, text, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    x, y = _columns(60, 3)
    np.savez("set.npz", x=x, y=y)
    command = ["encode", "set.npz", "--code", "two-part", "--sparsify", "drr", "-1", *options]
    told = CliRunner().invoke(main, [*command, "--quiet"])
    assert told.exit_code == 2
    assert text in told.stderr
    assert len(told.stderr.splitlines()) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["set.npz"]


def test_choices_from_the_command_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    x, y = _columns(90, 3)
    np.savez("set.npz", x=x, y=y)
    command = ["encode", "set.npz", "--code", "two-part", "--net", "mlp-8-4", "-1", "--quiet", "-f"]
    for options in (
        ["--sparsify", "vib", "--gamma", "0.01,0.01,0.01", "--no-rgp"],
        ["--sparsify", "drr", "--strength", "2", "--rho", "0.1", "--tamade", "0", "--priced"],
        ["--sparsify", "dns", "--strength", "2"],
        ["--sparsify", "entropy", "--strength", "0.5"],
    ):
        told = CliRunner().invoke(main, [*command, *options])
        assert told.exit_code == 0, told.output
    told = CliRunner().invoke(main, [*command, "--sparsify", "vib", "--gamma", "a,b"])
    assert told.exit_code == 2
    told = CliRunner().invoke(main, [*command, "--sparsify", "vib", "--gamma", "0.1,0.1"])
    assert told.exit_code == 2
    assert "the layers with noise are input, fc1, fc2" in told.stderr


def test_inputs_that_are_not_read_stay_so_under_the_price():
    x, y = _columns(200, 3)
    task = _task(architecture_named("mlp-10"), x, y, 3, effort=0.1)
    generator = torch.Generator().manual_seed(1)
    trained = initial_tensors(task.graph, task.inputs, lambda shape: torch.randn(shape, generator=generator))
    trained["fc1.weight"][:, [1, 5]] = 0.0
    pricing = replace(entropy.Pricing(), exchange=1e-3, quantised_from=0.0)
    tensors = entropy.sparsify(Trainer(task), Choices(), pricing, trained)
    read = (tensors["fc1.weight"] != 0).any(0)
    assert not read[1]
    assert not read[5]
    assert read[0]
