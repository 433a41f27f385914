"""Networks by name: the program's, fully connected ones of any widths, and those of one's own."""

import pytest

from mdlcodec.container.ids import NetId
from mdlcodec.errors import BadData, Unsupported
from mdlcodec.nn import zoo
from mdlcodec.nn.graph import Builder, sequence
from mdlcodec.nn.nodes import Convolution, Flatten, Linear, Rectify, Tanh
from mdlcodec.nn.zoo import (
    ARCHITECTURES,
    LENET5,
    LENET_300_100,
    RESNET20,
    RESNET32,
    RESNET56,
    SHALLOW,
    TINY_CNN,
    VGG16,
    VGGA,
    VGGB,
    architecture_named,
    chosen_from,
    is_architecture,
    numbered,
    own_architecture,
    register,
)
from mdlcodec.predictors import predictor_named

OWN = sequence(Flatten("hwc"), Linear(7), Tanh(), Linear())


@pytest.fixture(autouse=True)
def nothing_registered():
    """What a test registers is gone after it."""
    before = dict(zoo._registered)
    yield
    zoo._registered.clear()
    zoo._registered.update(before)


def test_names_and_numbers():
    assert len({architecture.number for architecture in ARCHITECTURES.values()}) == len(ARCHITECTURES)
    for name, architecture in ARCHITECTURES.items():
        assert architecture_named(name) is architecture
        assert is_architecture(name)
        assert numbered("two-part", architecture.number) is architecture
        assert (
            architecture.number
            == NetId[name.upper().translate(str.maketrans("-.", "__")).replace("LENET_5", "LENET5")]
        )
    with pytest.raises(BadData, match=r"no network named 'cnn'; choose one of lenet5, .*, mlp-WIDTH-\.\."):
        architecture_named("cnn")
    with pytest.raises(Unsupported, match="network number 2 with --code two-part"):
        numbered("two-part", 2)
    with pytest.raises(BadData, match="--net resnet20 is for codes that transmit a network"):
        predictor_named("resnet20")


def test_nominal_sizes():
    def weights(architecture, *shape):
        tensors = architecture.tensors(shape, 10)
        return [p.shape for name, p in tensors.items() if len(p.shape) > 1]

    assert weights(LENET5, 28, 28, 1) == [(20, 1, 5, 5), (50, 20, 5, 5), (500, 800), (10, 500)]
    assert LENET5.parameters((28, 28, 1), 10) == 431_080
    assert LENET_300_100.parameters((28, 28, 1), 10) == LENET_300_100.parameters((784,), 10) == 266_610
    # He et al. 2016, table 6: 0.27 M, 0.46 M, 0.85 M
    millions = [net.parameters((32, 32, 3), 10) / 1e6 for net in (RESNET20, RESNET32, RESNET56)]
    assert [round(m, 2) for m in millions] == [0.27, 0.47, 0.86]  # running statistics are counted too
    assert [len(net.layer_names) for net in (RESNET20, RESNET32, RESNET56, VGG16)] == [20, 32, 56, 15]
    assert 14.9e6 < VGG16.parameters((32, 32, 3), 10) < 15.1e6
    assert VGGB.parameters((32, 32, 3), 10) == VGG16.parameters((32, 32, 3), 10)
    # gain, bias, running mean and variance of each unit that is normalised
    units = 2 * 64 + 2 * 128 + 3 * 256 + 6 * 512 + 512
    assert VGGB.parameters((32, 32, 3), 10) - VGGA.parameters((32, 32, 3), 10) == 4 * units
    assert SHALLOW.parameters((32, 32, 3), 10) == 5000 * 3073 + 10 * 5001
    assert weights(TINY_CNN, 32, 32, 3) == [
        (32, 3, 3, 3),
        *[(32, 32, 3, 3)] * 3,
        (256, 2048),
        (256, 256),
        (10, 256),
    ]


@pytest.mark.parametrize(
    ("name", "side", "images", "statistics"),
    [
        ("lenet5", 16, True, False),
        ("lenet-300-100", 1, False, False),
        ("narrow-lenet", 16, True, False),
        ("narrow-convolution", 4, True, False),
        ("narrow-mlp", 1, False, False),
        ("resnet20", 1, True, True),
        ("mobilenet-0.5", 1, True, True),
        ("vgg16", 32, True, True),
        ("shallow", 1, False, False),
        ("tiny-cnn", 4, True, False),
        ("vgga", 32, True, False),
        ("vggb", 32, True, True),
    ],
)
def test_what_each_is_for(name, side, images, statistics):
    architecture = ARCHITECTURES[name]
    assert architecture.smallest_side() == side
    assert architecture.needs_images == images
    assert architecture.has_statistics == statistics
    assert architecture.takes((side, side + 3, 2))
    assert architecture.inputs_of((side, side + 3, 2)) == (2, side, side + 3)
    assert architecture.takes((5,)) != images
    if side > 1:
        with pytest.raises(BadData, match=f"--net {name} needs images of at least {side}x{side} places"):
            architecture.inputs_of((side - 1, side, 1))
    if images:
        with pytest.raises(BadData, match="needs images, and these inputs are columns; choose another --net"):
            architecture.inputs_of((5,))


def test_the_choice():
    table = (LENET5, LENET_300_100)
    assert chosen_from(table, "two-part", "auto", (28, 28, 1)) is LENET5
    assert chosen_from(table, "two-part", "auto", (8, 8, 1)) is LENET_300_100
    assert chosen_from(table, "two-part", "resnet20", (8, 8, 1)) is RESNET20
    with pytest.raises(BadData, match="needs images"):
        chosen_from(table, "two-part", "lenet5", (8,))
    with pytest.raises(BadData, match="--code two-part has no network named 'magic'; choose one of auto"):
        chosen_from(table, "two-part", "magic", (8,))


@pytest.mark.parametrize(
    ("name", "widths", "activation"),
    [("mlp-300-100", [300, 100], Rectify), ("mlp-1", [1], Rectify), ("mlp-64-8-tanh", [64, 8], Tanh)],
)
def test_names_that_say_widths(name, widths, activation):
    architecture = architecture_named(name)
    assert is_architecture(name)
    assert architecture_named(name) == architecture
    assert (architecture.number, architecture.version) == (NetId.NAMED, 1)
    nodes = [vertex.node for vertex in architecture.graph.vertices]
    assert [node.width for node in nodes if isinstance(node, Linear)] == [*widths, None]
    assert sum(isinstance(node, activation) for node in nodes) == len(widths)
    assert list(architecture.tensors((4, 4, 1), 3))[:2] == ["fc1.weight", "fc1.bias"]
    assert own_architecture(name, 1) == architecture


@pytest.mark.parametrize(
    "name", ["mlp-", "mlp-0", "mlp-03", "mlp-3-", "mlp-3-relu", "mlp-tanh", "mlp-100000"]
)
def test_names_that_say_no_widths(name):
    with pytest.raises(BadData, match="a fully connected one is named mlp-300-100 or mlp-300-100-tanh"):
        architecture_named(name)
    assert not is_architecture(name)


def test_a_network_of_ones_own():
    made = register(OWN, name="mine")
    assert architecture_named("mine") is made
    assert own_architecture("mine", 1) is made
    assert (made.number, made.version) == (NetId.NAMED, 1)
    assert register(OWN, name="mine") == made  # the same once more is no error
    with pytest.raises(BadData, match="registered already, and it is another one"):
        register(sequence(Flatten("hwc"), Linear()), name="mine")
    with pytest.raises(BadData, match="registered already, and it is another one"):
        register(OWN, name="mine", version=2)
    with pytest.raises(BadData, match=r"no network named 'other'; choose one of .*, mine"):
        architecture_named("other")


@pytest.mark.parametrize("name", ["", "two words", "später", "a/b", "a.b", None, "-" * 3])
def test_names_that_are_no_words(name):
    with pytest.raises(BadData, match="a network is named by letters, digits, - and _"):
        register(OWN, name=name)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"name": "a" * 65}, "has 65 letters; choose one of at most 64"),
        *[
            ({"name": name}, "the program has a network named")
            for name in ("lenet5", "mlp-3", "mlp-x", "auto", "several", "mlp", "cnn", "kernel")
        ],
        *[
            ({"name": "mine", "version": version}, "a version is a number from 1 on")
            for version in (0, -1, True, 1 << 31)
        ],
        ({"name": "mine", "version": 1.0}, "version is of type float; give an integer"),
        ({"name": "mine", "version": "1"}, "version is of type str; give an integer"),
    ],
)
def test_what_cannot_be_registered(given, message):
    with pytest.raises(BadData, match=message):
        register(OWN, **given)


@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        ([Convolution(3, padding=1), Linear()], "fits no inputs: linear2: a linear layer takes columns"),
        ([Convolution(3, padding=1)], r"gives values of shape \(3, 1, 1\)"),
        ([Flatten(), Linear(7)], r"gives values of shape \(7,\)"),
    ],
)
def test_graphs_that_are_no_networks(nodes, message):
    with pytest.raises(BadData, match=message):
        register(sequence(*nodes), name="mine")
    assert not is_architecture("mine")


def test_a_file_names_its_senders_network():
    with pytest.raises(Unsupported, match=r"'mine' version 3; install the package .*mdlcodec\.register"):
        own_architecture("mine", 3)
    register(OWN, name="mine", version=3)
    assert own_architecture("mine", 3).graph == OWN
    with pytest.raises(Unsupported, match="version 2 of the network 'mine', and version 3 is registered"):
        own_architecture("mine", 2)
    with pytest.raises(Unsupported, match="'mlp-x' version 1"):
        own_architecture("mlp-x", 1)


def test_entry_points_of_installed_packages(monkeypatch, tmp_path):
    info = tmp_path / "own_networks-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: own-networks\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{zoo.ENTRY_POINTS}]\nof-a-package = own_networks:make\n")
    (tmp_path / "own_networks.py").write_text(
        "from mdlcodec.nn.graph import sequence\n"
        "from mdlcodec.nn.nodes import Linear\n"
        "from mdlcodec.nn.zoo import register\n"
        "def make():\n"
        "    register(sequence(Linear()), name='of-a-package', version=5)\n"
    )
    assert not is_architecture("of-a-package")
    monkeypatch.syspath_prepend(tmp_path)
    assert own_architecture("of-a-package", 5).graph == sequence(Linear())
    assert not is_architecture("of-another")


def test_a_graph_with_branches_can_be_registered():
    net = Builder()
    first = net(Convolution(4, padding=1), name="a")
    net(Convolution(4, padding=1), (first,), name="b")
    net(Flatten())
    net(Linear(), name="out")
    made = register(net.graph(), name="mine")
    assert list(made.tensors((3, 3, 1), 2)) == [
        "a.weight",
        "a.bias",
        "b.weight",
        "b.bias",
        "out.weight",
        "out.bias",
    ]
