"""Soft labels of a dense network, for what is left after a method."""

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from mdlcodec.cli import main
from mdlcodec.errors import BadData
from mdlcodec.nn.zoo import architecture_named
from mdlcodec.sender.examples import Examples
from mdlcodec.sender.loop import Trainer
from mdlcodec.sender.sparsify import SPARSIFIERS, Choices, sparse_network, steps_of
from mdlcodec.sender.sparsify.entropy import PricedTraining
from mdlcodec.sender.sparsify.masked import MaskedTraining
from mdlcodec.sender.sparsify.teacher import Teacher, TeacherTraining, trained_teacher
from mdlcodec.sender.task import Task

NET = architecture_named("mlp-8-4")


def _columns(n, k=3):
    """The class is told by three columns of many."""
    random = np.random.default_rng(n)
    y = (np.arange(n) % k).astype(np.int32)
    x = random.normal(size=(n, 12)).astype(np.float32)
    x[:, :3] += 3 * np.random.default_rng(1).normal(size=(k, 3))[y]
    return x, y


def _task(effort=0.05):
    return Task.of(NET, *_columns(240), 3, seed=1, effort=effort)


def test_its_labels_are_chances_of_its_own_and_a_tenth_the_label():
    task = _task()
    tensors = task.initial(task.graph, torch.Generator().manual_seed(2))
    x, y = task.x[:20], task.y[:20]
    soft = Teacher(task, tensors).labels(x, y)
    assert soft.shape == (20, 3)
    assert torch.allclose(soft.sum(1), torch.ones(20))
    own = soft - 0.1 * torch.nn.functional.one_hot(y, 3)
    assert (own > 0).all()
    assert torch.allclose(Teacher(task, tensors).labels(x, (y + 1) % 3).sum(1), torch.ones(20))
    again = Teacher(task, tensors).labels(x, (y + 1) % 3) - 0.1 * torch.nn.functional.one_hot((y + 1) % 3, 3)
    assert torch.allclose(own, again)  # whatever the label is


def test_a_trained_one_knows_the_classes_and_relabels_every_example():
    task = _task(effort=1.0)
    examples = Examples(task, 64, torch.Generator().manual_seed(1))
    teacher = trained_teacher(Trainer(task), examples)
    soft = teacher.labels(task.x, task.y)
    assert (soft.argmax(1) == task.y).float().mean() > 0.9
    examples.relabel(teacher.labels)
    x, y = examples.next()
    hard = torch.stack([task.y[(task.x == row).all(1)][0] for row in x])
    assert torch.allclose(y, teacher.labels(x, hard))


@pytest.mark.parametrize("teacher", [None, True, False])
@pytest.mark.parametrize("sparsify", ["vib", "rl1"])
@pytest.mark.parametrize("priced", [True, False])
def test_who_is_taught(sparsify, teacher, priced):
    phases, labels = [], {}

    def told(moment):
        if moment.phase not in phases:
            phases.append(moment.phase)
            if type(moment.phase) is MaskedTraining or isinstance(moment.phase, PricedTraining):
                _, labels[type(moment.phase)] = moment.phase._examples.next()

    choices = Choices(strength=1e-3, teacher=teacher, priced=priced)
    task = _task()
    count = []
    trainer = Trainer(task, observers=(told, lambda _: count.append(1)))
    sparse_network(trainer, sparsify=sparsify, choices=choices)
    taught = sparsify == "vib" if teacher is None else teacher
    assert any(isinstance(phase, TeacherTraining) for phase in phases) is taught
    assert all(own.is_floating_point() is taught for own in labels.values())
    assert len(labels) == 1 + priced
    assert len(count) == steps_of(NET, sparsify, choices, task.effort, task.n)


def test_it_changes_what_is_sent_and_is_the_same_again():
    found = []
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    for teacher in (True, True, False):
        tensors = sparse_network(
            Trainer(_task()), sparsify="rl1", choices=Choices(strength=1e-3, teacher=teacher)
        )
        found.append(torch.cat([tensor.flatten() for tensor in tensors.values()]))
    torch.set_num_threads(before)
    assert torch.equal(found[0], found[1])
    assert found[0].shape != found[2].shape or not torch.equal(found[0], found[2])


def test_numbers_have_none():
    x, y = _columns(60)
    task = Task.of_reals(NET, x, y.astype(np.float64) - 1, seed=0, effort=0.01)
    steps = []
    trainer = Trainer(task, observers=(lambda _: steps.append(1),))
    with pytest.raises(BadData, match="a teacher gives soft labels of classes"):
        sparse_network(trainer, sparsify="vib", choices=Choices(teacher=True))
    assert not steps
    sparse_network(trainer, sparsify="vib", choices=Choices())  # is not taught


@pytest.mark.parametrize("sparsify", ["dns", "entropy"])
def test_methods_that_take_none(sparsify, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    x, y = _columns(60)
    np.savez("set.npz", x=x, y=y)
    command = ["encode", "set.npz", "--code", "two-part", "--sparsify", sparsify, "-1", "--quiet"]
    told = CliRunner().invoke(main, [*command, "--teacher"])
    assert told.exit_code == 2
    assert f"the sparsifier {sparsify} takes no teacher" in told.stderr
    assert SPARSIFIERS[sparsify].takes.isdisjoint({"teacher"})
    assert [path.name for path in tmp_path.iterdir()] == ["set.npz"]


def test_from_the_command_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    x, y = _columns(90)
    np.savez("set.npz", x=x, y=y)
    command = ["encode", "set.npz", "--code", "two-part", "--net", "mlp-8-4", "-1", "--quiet", "-f"]
    for options in (["--sparsify", "vib", "--no-teacher"], ["--sparsify", "drr", "--teacher"]):
        told = CliRunner().invoke(main, [*command, *options])
        assert told.exit_code == 0, told.output
