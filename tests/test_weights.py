"""mdlcodec/nn/weights: a file's tensors become those of a network, or it is said what does not fit."""

import numpy as np
import pytest
from network_sets import sparse_network

from mdlcodec.errors import BadData
from mdlcodec.nn.graph import sequence
from mdlcodec.nn.nodes import Convolution, Flatten, Linear, Normalisation, Rectify
from mdlcodec.nn.weights import channels_entering, check_fit, fitted, order_of, weights_of
from mdlcodec.nn.zoo import LENET5, LENET_300_100, RESNET20, VGG16, architecture_named
from mdlcodec.nn.zoo.architecture import Architecture

RESIDUAL = sparse_network("resnet20", (8, 8, 3), 4, {})
LENET = sparse_network("lenet5", (16, 20, 2), 3, {"conv1": 4, "conv2": 3, "fc1": 5})


def found(architecture: Architecture, tensors: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return weights_of(architecture, list(tensors.values()), list(tensors))


@pytest.mark.parametrize("prefix", ["", "module.", "net."])
@pytest.mark.parametrize("counters", [False, True])
def test_names_say_which_tensor_is_which(prefix: str, counters: bool) -> None:
    tensors = {prefix + name: array for name, array in RESIDUAL.items()}
    if counters:
        norms = [name for name in tensors if name.endswith("running_var")]
        tensors |= {name.replace("running_var", "num_batches_tracked"): np.array(7) for name in norms}
    names = np.random.default_rng(1).permutation(list(tensors)).tolist()
    weights = found(RESNET20, {name: tensors[name] for name in names})
    assert list(weights) == list(RESIDUAL)
    assert all(weights[name] is RESIDUAL[name] for name in RESIDUAL)
    check_fit(RESNET20, weights, (8, 8, 3), 4)


@pytest.mark.parametrize("tensorflow", [False, True])
@pytest.mark.parametrize("bias_first", [False, True])
def test_other_names_go_by_the_order(tensorflow: bool, bias_first: bool) -> None:
    arrays = list(LENET.values())
    if tensorflow:
        arrays = [a.transpose(2, 3, 1, 0) if a.ndim == 4 else a.T for a in arrays]
    if bias_first:
        arrays = [arrays[i] for i in (1, 0, 3, 2, 5, 4, 7, 6)]
    weights = weights_of(LENET5, arrays, [f"t{i}" for i in range(8)])
    assert list(weights) == list(LENET)
    assert all(np.array_equal(weights[name], LENET[name]) for name in LENET)
    if bias_first:
        with pytest.raises(BadData, match=r"conv1\.weight should have 4 axes"):
            weights_of(LENET5, arrays)
    if tensorflow:
        with pytest.raises(BadData, match="not those of lenet5"):
            weights_of(LENET5, arrays, layouts=(False,))


def with_shape(name: str, shape: tuple[int, ...], tensors: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return tensors | {name: np.ones(shape, np.float32)}


@pytest.mark.parametrize(
    ("architecture", "tensors", "message"),
    [
        (
            RESNET20,
            dict(list(RESIDUAL.items())[1:]),
            r"has 97 tensors .*, not 96; conv1\.weight not among them",
        ),
        (RESNET20, RESIDUAL | {"scale": np.ones(3)}, "resnet20 has no tensors named scale"),
        (LENET5, {}, "lenet5 has 8 tensors"),
        (
            RESNET20,
            with_shape("conv1.weight", (5, 3, 3, 3), RESIDUAL),
            "bn1 has a weight of 16 values, and 5",
        ),
        (
            RESNET20,
            with_shape("layer2.1.bn2.running_var", (9,), RESIDUAL),
            r"layer2\.1\.bn2 has a running_var",
        ),
        (RESNET20, with_shape("layer1.0.conv2.weight", (16, 9, 3, 3), RESIDUAL), r"layer1\.0\.conv2 takes 9"),
        (RESNET20, with_shape("layer1.0.conv2.weight", (16, 16, 5, 5), RESIDUAL), "no kernels of 3x3"),
        (
            LENET5,
            with_shape("fc1.weight", (5, 7), LENET),
            "fc1 takes 7 values, no multiple of the 3 channels",
        ),
        (
            LENET5,
            with_shape("fc2.weight", (3, 4), LENET),
            "fc2 takes 4 values, and what is before it gives 5",
        ),
        (LENET5, with_shape("fc2.bias", (4,), LENET), "fc2 has a bias of 4 values, and 3 outputs"),
        (LENET5, LENET | {"fc2.bias": np.array(["a"])}, r"fc2\.bias has elements of type <U1"),
        (LENET5, with_shape("fc2.bias", (), LENET), r"fc2\.bias should have 1 axis, not the shape \(\)"),
    ],
)
def test_what_does_not_fit_is_said_by_name(
    architecture: Architecture, tensors: dict[str, np.ndarray], message: str
) -> None:
    with pytest.raises(BadData, match=message):
        found(architecture, tensors)


@pytest.mark.parametrize("places", [(16, 16), (16, 40), (23, 31)])
def test_maps_of_any_size_may_be_flattened(places: tuple[int, int]) -> None:
    weights = sparse_network("lenet5", (*places, 2), 3, {})
    assert list(found(LENET5, weights)) == list(weights)
    assert channels_entering(LENET5, weights) == 2
    with pytest.raises(BadData, match="fc1 takes"):
        check_fit(LENET5, weights, (places[0] + 8, places[1], 2), 3)


def test_normalisation_of_flattened_maps() -> None:
    graph = sequence(Convolution(2), Flatten(), Normalisation(), Rectify(), Linear())
    architecture = Architecture("flat", 0, graph)
    tensors = {
        name: np.ones(parameter.shape) for name, parameter in architecture.tensors((6, 7, 1), 3).items()
    }
    assert list(found(architecture, tensors)) == list(tensors)


@pytest.mark.parametrize("net", ["vgg16", "mlp-4-3-tanh", "narrow-convolution"])
def test_networks_of_the_zoo(net: str) -> None:
    architecture = architecture_named(net)
    shape = (7,) if net.startswith("mlp") else (32, 32, 3)
    thin = {layer: 4 for layer in architecture.layer_names[:-1] if layer.startswith("conv")}
    weights = sparse_network(net, shape, 5, {}) if net != "vgg16" else None
    if weights is None:
        norms = {f"bn{i}": 4 for i in range(1, 14)}
        weights = sparse_network(net, shape, 5, thin | norms)
    assert list(found(architecture, dict(reversed(weights.items())))) == list(weights)
    assert channels_entering(architecture, weights) == shape[-1]
    check_fit(architecture, weights, shape, 5)
    with pytest.raises(BadData, match="the network gives 5 outputs, and there are 6 classes"):
        check_fit(architecture, weights, shape, 6)


def test_missing_and_further_tensors_are_named() -> None:
    weights = dict(LENET)
    del weights["conv2.weight"]
    with pytest.raises(BadData, match=r"the network misses conv2\.weight"):
        fitted(LENET5.graph, weights, (2, 16, 20))
    with pytest.raises(BadData, match="the network has more besides its own tensors"):
        fitted(LENET5.graph, LENET | {"more": np.ones(1)}, (2, 16, 20))
    with pytest.raises(BadData, match="does not fit these inputs: conv1 takes 2 values, not 3"):
        fitted(LENET5.graph, LENET, (3, 16, 20))


def test_a_number_of_tensors_is_checked_whatever_their_names() -> None:
    with pytest.raises(BadData, match="lenet-300-100 has 6 tensors"):
        order_of(LENET_300_100, ["a"] * 5, [(1,)] * 5)
    assert len(VGG16.tensors((32, 32, 3), 10)) == 86
