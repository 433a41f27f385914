"""The weights of a network by name: layouts of files, and what does not fit."""

import numpy as np
import pytest
from two_part_cases import network

from mdlcodec.errors import BadData
from mdlcodec.nn.weights import check_fit, fitted, weights_of
from mdlcodec.nn.zoo import LENET5, LENET_300_100, RESNET20, VGG16

COLOUR = (20, 18, 3)


def _small():
    return network("lenet5", COLOUR, 4, (2, 3, 5))


def test_layouts():
    ours = _small()
    theirs = [a.transpose(2, 3, 1, 0) if a.ndim == 4 else a.T for a in ours.values()]
    for arrays in (list(ours.values()), theirs):
        found = weights_of(LENET5, arrays)
        assert list(found) == list(ours)
        assert all((found[name] == array).all() for name, array in ours.items())
        assert np.shares_memory(found["conv1.weight"], arrays[0])
    with pytest.raises(BadData, match=r"conv1\.weight"):
        weights_of(LENET5, theirs, layouts=(False,))
    # where both fit, as the file has it
    square = [np.arange(16.0).reshape(4, 4), np.zeros(4)] * 3
    assert (weights_of(LENET_300_100, square)["fc1.weight"] == square[0]).all()
    # the biases fit both ways, the chain of shapes only one
    chain = [np.ones((7, 4)), np.zeros(4), np.ones((4, 4)), np.zeros(4), np.ones((4, 2)), np.zeros(2)]
    found = weights_of(LENET_300_100, chain)
    assert [found[f"fc{i}.weight"].shape for i in (1, 2, 3)] == [(4, 7), (4, 4), (2, 4)]


def test_by_name():
    ours = _small()
    names = sorted(ours, reverse=True)
    found = weights_of(LENET5, [ours[name] for name in names], names)
    assert list(found) == list(ours)
    assert all(found[name] is ours[name] or (found[name] == ours[name]).all() for name in ours)
    with pytest.raises(BadData, match="lenet5 has no tensors named step"):
        weights_of(LENET5, [np.zeros(()), *ours.values()], ["step", *ours])
    counted = [np.zeros(()), *ours.values()]  # but for PyTorch's counters of batches
    assert list(weights_of(LENET5, counted, ["bn.num_batches_tracked", *ours])) == list(ours)
    with pytest.raises(BadData, match="has 8 tensors"):  # other names are no names: the order counts
        weights_of(LENET5, [np.zeros(()), *ours.values()], ["step", "a", *list(ours)[1:]])


def test_batch_normalisation_travels_after_what_it_normalises():
    tensors = list(VGG16.tensors((32, 32, 3), 10))
    assert tensors[:6] == [
        "conv1.weight",
        "conv1.bias",
        "bn1.weight",
        "bn1.bias",
        "bn1.running_mean",
        "bn1.running_var",
    ]
    weights = {name: np.ones(p.shape, np.float32) for name, p in RESNET20.tensors((8, 8, 3), 10).items()}
    assert weights_of(RESNET20, list(weights.values())).keys() == weights.keys()
    check_fit(RESNET20, weights, (8, 8, 3), 10)
    weights["layer2.0.bn1.running_var"] = np.ones(31, np.float32)
    with pytest.raises(BadData, match=r"layer2\.0\.bn1 has a running_var of 31 values, and 32 outputs"):
        weights_of(RESNET20, list(weights.values()))


def test_branches_have_channels_alike():
    weights = {name: np.ones(p.shape, np.float32) for name, p in RESNET20.tensors((8, 8, 3), 10).items()}
    for name in ("conv2.weight", "bn2.weight", "bn2.bias", "bn2.running_mean", "bn2.running_var"):
        weights[f"layer1.1.{name}"] = weights[f"layer1.1.{name}"][:-1]
    with pytest.raises(BadData, match=r"two values of one shape, not \(15, 1, 1\) and \(16, 1, 1\)"):
        weights_of(RESNET20, list(weights.values()))
    with pytest.raises(BadData, match=r"addition.*an addition takes two values of one shape"):
        fitted(RESNET20.graph, weights, (3, 8, 8))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda a: a[:-1], "has 8 tensors .* not 7"),
        (lambda a: [a[1], *a[1:]], r"conv1\.weight should have 4 axes"),
        (lambda a: [a[0][:, :, :3], *a[1:]], r"conv1\.weight of shape .* has no kernels of 5x5"),
        (lambda a: [*a[:3], a[3][:1], *a[4:]], "conv2 has a bias of 1 values, and 3 outputs"),
        (lambda a: [*a[:2], a[2][:, :1], *a[3:]], "conv2 takes 1 values, and what is before it gives 2"),
        (
            lambda a: [*a[:4], a[4][:, :-1], *a[5:]],
            "fc1 takes 5 values, no multiple of the 3 channels before it",
        ),
        (lambda a: [*a[:6], a[6].astype(complex), a[7]], r"fc2\.weight has elements of type complex"),
    ],
)
def test_tensors_that_do_not_fit_one_another(change, message):
    arrays = list(_small().values())
    with pytest.raises(BadData, match=message) as raised:
        weights_of(LENET5, change(arrays))
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("shape", "outputs", "message"),
    [
        ((20, 18, 1), 4, "conv1 takes 3 values, not 1"),
        ((20, 26, 3), 4, "fc1 takes 6 values, not 18"),
        ((20, 18, 3), 5, "gives 4 outputs, and there are 5 classes"),
        ((15, 18, 3), 4, "at least 16x16 places, and these have 15x18"),
        ((1080,), 4, "needs images"),
    ],
)
def test_tensors_that_do_not_fit_the_inputs(shape, outputs, message):
    check_fit(LENET5, _small(), COLOUR, 4)
    with pytest.raises(BadData, match=message):
        check_fit(LENET5, _small(), shape, outputs)


def test_columns_that_do_not_fit():
    weights = network("lenet-300-100", (2, 2, 3), 4, (5, 3))
    check_fit(LENET_300_100, weights, (12,), 4)
    with pytest.raises(BadData, match="fc1 takes 12 values, not 13"):
        check_fit(LENET_300_100, weights, (13,), 4)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda w: {name: a for name, a in w.items() if name != "conv1.weight"},
            r"misses conv1\.weight",
        ),
        (lambda w: w | {"fc9.bias": w["fc1.bias"]}, r"has fc9\.bias besides its own tensors"),
        (lambda w: w | {"fc1.weight": w["fc1.weight"][0]}, r"fc1\.weight should have 2 axes"),
        (lambda w: w | {"fc1.bias": w["fc1.bias"][1:]}, r"fc1\.bias has shape \(4,\), not \(5,\)"),
    ],
)
def test_names_that_do_not_fit(change, message):
    with pytest.raises(BadData, match=message):
        fitted(LENET5.graph, change(_small()), (3, 20, 18))


def test_widths_are_the_weights():
    graph, tensors = fitted(LENET5.graph, network("lenet5", COLOUR, 4, (2, 0, 5)), (3, 20, 18))
    assert {name: p.shape for name, p in tensors.items() if name.endswith("weight")} == {
        "conv1.weight": (2, 3, 5, 5),
        "conv2.weight": (0, 2, 5, 5),
        "fc1.weight": (5, 0),
        "fc2.weight": (4, 5),
    }
    assert graph.shapes((3, 20, 18))[-1] == (4,)
