"""The loop in which senders train: steps, observers, interruption, divergence; dense, subspace, variational."""

import numpy as np
import pytest
import torch

from mdlcodec.descriptions.subspace.affine import AffineSubspace
from mdlcodec.errors import BadData, InexactComputation
from mdlcodec.nn.graph import sequence
from mdlcodec.nn.nodes import Convolution, Dropout, Flatten, Linear, Normalisation, Rectify
from mdlcodec.nn.zoo import LENET5, LENET_300_100, Architecture, architecture_named
from mdlcodec.observe.progress import Told
from mdlcodec.observe.record import LossRecord
from mdlcodec.sender.dense import dense_network, number_of_steps
from mdlcodec.sender.efforts import VariationalEffort
from mdlcodec.sender.loop import Phase, Trainer, batches, cooled, shuffled_batches
from mdlcodec.sender.subspace import subspace_point
from mdlcodec.sender.task import Task, scaled
from mdlcodec.sender.variational import variational_network

MLP = architecture_named("mlp-6-5")
DROPPED = Architecture("dropped", 127, sequence(Linear(8), Rectify(), Dropout(40000), Linear()), 1)


@pytest.fixture(autouse=True)
def one_thread():
    """What is the same on one machine with one thread need not be with more."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def _columns(n=64, k=3, seed=0):
    random = np.random.default_rng(seed)
    y = np.arange(n) % k
    return (random.normal(size=(n, 4)) + 2 * y[:, None]).astype(np.float32), y


def _task(architecture=MLP, seed=0, effort=0.05, x=None):
    columns, y = _columns()
    return Task.of(architecture, columns if x is None else x, y, 3, seed=seed, effort=effort)


def _dense(trainer):
    return [tensor.numpy() for tensor in dense_network(trainer).values()]


def _subspace(trainer):
    task = trainer.task
    coordinates, step = subspace_point(
        trainer, AffineSubspace(task.architecture, task.shape, task.outputs, task.seed, 20)
    )
    return [coordinates, np.array(step)]


def _variational(trainer):
    sent = variational_network(trainer, VariationalEffort(steps=0.001, bits=6, retraining=1))
    return [np.array(sent.indices), np.frombuffer(sent.prior, np.uint8), np.array(sent.objective_bits)]


METHODS = {"dense": _dense, "subspace": _subspace, "variational": _variational}
methods = pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)


def _bytes(arrays):
    return [array.tobytes() for array in arrays]


class _Watching:
    """Looks at everything at some of the steps, and draws random numbers."""

    def __init__(self, x, every=10):
        self.x, self.every, self.done, self.losses, self.phases = x, every, [], [], []

    def __call__(self, moment):
        self.done.append((moment.phase.what, moment.done))
        self.losses.append(moment.loss)
        if moment.done % self.every:
            return
        torch.randn(3)
        np.random.default_rng().random()
        tensors = moment.phase.tensors()
        gradients = moment.phase.gradients()
        activations = moment.phase.activations(self.x[:4])
        self.phases.append((moment.phase, dict(tensors), dict(gradients), activations))


# Observers


@methods
def test_observers_see_every_step_and_change_nothing(method):
    task = _task()
    watching, record, told = _Watching(task.x), LossRecord(every=7), []
    found = method(Trainer(task, (watching, record, Told(told.append))))
    assert _bytes(found) == _bytes(method(Trainer(task)))

    steps = {}
    for what, done in watching.done:  # each phase counts from 1, one by one
        assert done == steps.get(what, 0) + 1
        steps[what] = done
    assert len(told) == len(watching.done) == sum(steps.values())
    assert np.isfinite(watching.losses).all()
    assert told[0].startswith(f"{watching.done[0][0]}, step 1 of ")
    assert told[0].endswith(" nats a label")
    for phase, tensors, gradients, activations in watching.phases:
        assert phase.steps == steps[phase.what]
        names = [vertex.name for vertex in task.graph.vertices]
        assert list(activations) == names
        assert activations[names[-1]].shape == (4, 3)
        assert not any(value.requires_grad for value in activations.values())
        assert set(tensors) == set(task.graph.tensors(task.inputs))
        assert gradients
        assert all(gradient.isfinite().all() for gradient in gradients.values())
    for what, total in steps.items():
        kept = [done for name, done, _ in record.rows if name == what]
        assert kept == sorted({*range(7, total + 1, 7), total})


def test_what_is_recorded_is_what_was_trained():
    task, seen = _task(), []

    def watch(moment):
        seen.append({name: tensor.detach().clone() for name, tensor in moment.phase.tensors().items()})

    found = dense_network(Trainer(task, (watch,)))
    assert all(torch.equal(seen[-1][name], tensor) for name, tensor in found.items())
    assert not torch.equal(seen[0]["fc1.weight"], seen[-1]["fc1.weight"])


@methods
def test_an_observer_can_leave(method):
    task, done = _task(), []

    def leave(moment):
        done.append(moment.done)
        if len(done) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        method(Trainer(task, (leave,)))
    assert done == [1, 2, 3]


def test_observers_are_called_in_their_order():
    order = []
    trainer = Trainer(_task(effort=0.01), (lambda _: order.append("a"), lambda _: order.append("b")))
    dense_network(trainer)
    assert order[:4] == ["a", "b", "a", "b"]


# The loop


class _Given(Phase):
    """Losses that are given."""

    def __init__(self, losses):
        self.losses, self.steps = losses, len(losses)

    def step(self, done):
        return self.losses[done]

    def tensors(self):
        return {}

    def gradients(self):
        return {}


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_loss_that_is_not_finite_ends_it(bad):
    seen = []
    with pytest.raises(InexactComputation, match=r"training diverged.*choose another --seed"):
        Trainer(_task(), (seen.append,)).run(_Given([1.0, 2.0, bad, 3.0]))
    assert [moment.loss for moment in seen] == [1.0, 2.0]


def test_the_recent_loss_is_smoothed_from_the_first_on():
    seen = []
    Trainer(_task(), (seen.append,)).run(_Given([2.0, 1.0, 1.0]))
    assert [moment.recent for moment in seen] == pytest.approx([2.0, 1.99, 1.9801])
    assert [moment.done for moment in seen] == [1, 2, 3]


@methods
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_examples_that_are_not_finite_diverge(method, bad):
    x = _columns()[0]
    x[7, 1] = bad
    with pytest.raises(InexactComputation, match="training diverged"):
        method(Trainer(_task(x=x)))


@methods
def test_seeds(method):
    found = [_bytes(method(Trainer(_task(seed=seed, effort=1.0)))) for seed in (0, 2**64 - 1, 0)]
    assert found[0] == found[2] != found[1]


def test_dropout_follows_the_seed_and_leaves_torchs_own_numbers_alone():
    found = []
    for seed in (0, 0, 1):
        torch.randn(5)
        found.append(_bytes(_dense(Trainer(_task(DROPPED, seed), (lambda _: torch.randn(1),)))))
    assert found[0] == found[1] != found[2]
    before = torch.get_rng_state()
    dense_network(Trainer(_task(DROPPED)))
    assert torch.equal(torch.get_rng_state(), before)


def test_running_statistics_move_in_training():
    graph = sequence(Convolution(3, padding=1), Normalisation(), Rectify(), Flatten(), Linear())
    x = np.random.default_rng(0).normal(size=(64, 4, 4, 1)).astype(np.float32) + 3
    task = Task.of(Architecture("own", 127, graph, 1), x, _columns()[1], 3, seed=0, effort=0.3)
    found = dense_network(Trainer(task))
    assert list(found) == list(task.graph.tensors(task.inputs))
    assert (found["normalisation2.running_mean"] != 0).all()
    assert not any(tensor.requires_grad for tensor in found.values())


def test_it_learns():
    x, y = _columns(300)
    record = LossRecord()
    dense_network(Trainer(Task.of(MLP, x, y, 3, seed=0), (record,)))
    assert record.rows[-1][2] < 0.7 * record.rows[0][2]
    assert record.rows[-1][1] == number_of_steps(300, 1.0)


# Tasks


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"architecture": LENET5}, "lenet5 needs images"),
        ({"x": np.zeros((50, 15, 40, 1), np.float32), "architecture": LENET5}, "at least 16x16 .* 15x40"),
        ({"x": np.zeros((50, 4, 4), np.float32)}, r"inputs have shape .* not \(50, 4, 4\)"),
        ({"y": np.zeros(49, np.int32)}, r"shapes are \(49,\) and \(50, 6\)"),
        ({"y": np.zeros((50, 1), np.int32)}, r"shapes are \(50, 1\)"),
        ({"x": np.zeros((0, 6), np.float32), "y": np.zeros(0, np.int32)}, "at least one"),
        ({"outputs": 1}, "labels are 0 to 0, not 0 to 1"),
        ({"y": np.full(50, -1, np.int32)}, "labels are 0 to 1, not -1 to -1"),
    ],
)
def test_what_is_no_task(change, message):
    given = {
        "architecture": LENET_300_100,
        "x": np.zeros((50, 6), np.float32),
        "y": np.arange(50) % 2,
        "outputs": 2,
    }
    with pytest.raises(BadData, match=message):
        Task.of(**(given | change), seed=0)


def test_images_enter_channels_first_whatever_the_network():
    x = np.arange(2 * 16 * 17 * 3, dtype=np.float32).reshape(2, 16, 17, 3)
    for architecture in (LENET5, LENET_300_100):
        task = Task.of(architecture, x, np.arange(2), 2, seed=0)
        assert task.x.shape == (2, 3, 16, 17)
        assert (task.x[0, 1].numpy() == x[0, :, :, 1]).all()
        assert task.are_images
        assert task.inputs == (3, 16, 17)
    assert not _task().are_images


def test_steps_grow_with_the_root_of_the_examples():
    assert [scaled(1000, 1.0, n) for n in (60_000, 15_000, 600_000, 1)] == [1000, 500, 1000, 20]
    assert scaled(1000, 0.5, 60_000) == 500


def test_the_rate_cools():
    assert [cooled(part, 0.5) for part in (0.0, 0.5, 0.75, 1.0)] == pytest.approx([1, 1, 0.5, 0])


def test_batches():
    order = iter([[2, 0, 1], [1, 2, 0], [0, 1, 2], [0, 2, 1]])
    found = batches(5, lambda: np.array(next(order)))
    assert [next(found).tolist(), next(found).tolist()] == [[2, 0, 1, 1, 2], [0, 0, 1, 2, 0]]
    rows = shuffled_batches(10, 4, torch.Generator().manual_seed(0))
    epoch = torch.cat([next(rows) for _ in range(5)])
    assert sorted(epoch[:10].tolist()) == sorted(epoch[10:].tolist()) == list(range(10))
    assert epoch[:10].tolist() != epoch[10:].tolist()
