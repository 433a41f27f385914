"""Networks by name: those of the program, mlp-WIDTH-.. of any widths, and those of one's own.

Adding one is one new file and one line in ``_KNOWN``; its number is never given to another.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import entry_points

from mdlcodec.container.ids import NetId
from mdlcodec.errors import BadData, Unsupported
from mdlcodec.limits import integer
from mdlcodec.nn.graph import Graph
from mdlcodec.nn.node import Shape
from mdlcodec.nn.zoo.architecture import Architecture
from mdlcodec.nn.zoo.lenet import LENET5, LENET_300_100, NARROW_CONVOLUTION, NARROW_LENET, NARROW_MLP
from mdlcodec.nn.zoo.mlp import mlp_named
from mdlcodec.nn.zoo.mobilenet import MOBILENET_HALF
from mdlcodec.nn.zoo.resnet import RESNET20, RESNET32, RESNET56
from mdlcodec.nn.zoo.tiny import SHALLOW, TINY_CNN
from mdlcodec.nn.zoo.vgg import VGG16, VGGA, VGGB

_KNOWN = (
    LENET5,
    LENET_300_100,
    NARROW_LENET,
    NARROW_CONVOLUTION,
    NARROW_MLP,
    RESNET20,
    RESNET32,
    RESNET56,
    VGG16,
    SHALLOW,
    TINY_CNN,
    VGGA,
    VGGB,
    MOBILENET_HALF,
)
ARCHITECTURES: Mapping[str, Architecture] = {architecture.name: architecture for architecture in _KNOWN}
ENTRY_POINTS = "mdlcodec.networks"

_registered: dict[str, Architecture] = {}


def register(graph: Graph, *, name: str, version: int = 1) -> Architecture:
    """Makes a network of one's own known under a name, which files then carry with the version.

    Whoever decodes such a file registers the same graph, or installs a package with an entry point in the group
    ``mdlcodec.networks`` that names a function that does. Raises BadData for names that are taken or no words, and
    for graphs that are no network.
    """
    if (
        not isinstance(name, str)
        or not name.isascii()
        or not name.replace("-", "").replace("_", "").isalnum()
    ):
        raise BadData(f"a network is named by letters, digits, - and _, not {name!r}")
    if len(name) > 64:
        raise BadData(f"the name {name[:20]!r}.. has {len(name)} letters; choose one of at most 64")
    if (
        name in ARCHITECTURES
        or name.startswith("mlp-")
        or name in ("auto", "several", "mlp", "cnn", "kernel")
    ):
        raise BadData(f"the program has a network named {name!r} itself; choose another name")
    if not isinstance(graph, Graph):
        raise BadData(f"a network was given as {type(graph).__name__}; give the graph that a Builder makes")
    if isinstance(version, bool) or not 1 <= integer(version, "version") < 1 << 31:
        raise BadData(f"a version is a number from 1 on, not {version!r}")
    version = integer(version, "version")  # numpy's, too
    made = Architecture(name, NetId.NAMED, graph, version)
    _check_graph(made)
    known = _registered.get(name)
    if known is not None and known != made:
        raise BadData(f"a network named {name!r} is registered already, and it is another one")
    _registered[name] = made
    return made


def _check_graph(made: Architecture) -> None:
    """Raise BadData for a graph that takes no inputs of any size, or gives no column of as many scores as asked."""
    shape = made.smallest_shape
    if shape is None:
        raise BadData(f"the network {made.name!r} fits no inputs: {_problem(made)}")
    graph, entering = made.for_targets(shape, 2)
    if any(0 in parameter.shape for parameter in graph.tensors(entering).values()):
        raise BadData(f"the network {made.name!r} has a layer without units")
    given = graph.shapes(entering)[-1]
    if given != (2,):
        raise BadData(
            f"the network {made.name!r} gives values of shape {given}; its last layer is one like Linear(), whose "
            "width the classes decide"
        )


def _problem(made: Architecture) -> str:
    """Why images of many places, or columns, do not fit."""
    try:
        made.graph.for_outputs(2).shapes((1, 256, 256) if made.needs_images else (256,))
    except BadData as error:
        return str(error)
    return "no square images"


def architecture_named(name: str) -> Architecture:
    """The network of that name: the program's, one of mlp-.., or one that was registered.

    Raises BadData for an unknown one.
    """
    if name in ARCHITECTURES:
        return ARCHITECTURES[name]
    graph = mlp_named(name)
    if graph is not None:
        return Architecture(name, NetId.NAMED, graph, 1)
    if name not in _registered:
        _load(name)
    if name not in _registered:
        names = ", ".join([*ARCHITECTURES, "mlp-WIDTH-..", *_registered])
        raise BadData(f"no network named {name!r}; choose one of {names}")
    return _registered[name]


def is_architecture(name: str) -> bool:
    """Whether there is a network of that name."""
    try:
        architecture_named(name)
    except BadData:
        return False
    return True


def _load(name: str) -> None:
    """Registers what an installed package has under that name. Raises BadData where it fails."""
    for entry in entry_points(group=ENTRY_POINTS, name=name):
        try:
            entry.load()()
        except Exception as error:  # another's code: whatever goes wrong there is said in one line
            what = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
            raise BadData(f"the package that has the network {name!r} fails: {what}") from error
        return


def own_architecture(name: str, version: int) -> Architecture:
    """The network that a file names. Raises Unsupported for one that is not here, or of another version."""
    try:
        here = architecture_named(name)
    except BadData as error:
        raise Unsupported(
            f"the file uses a network of its sender's own, {name!r} version {version}; install the package that "
            "registers it, or register it (mdlcodec.register) before decoding"
        ) from error
    if here.version != version:
        raise Unsupported(
            f"the file uses version {version} of the network {name!r}, and version {here.version} is registered "
            "here; install the other"
        )
    return here


def chosen_from(table: tuple[Architecture, ...], code: str, net: str, shape: Shape) -> Architecture:
    """The network of that name, or what `auto` takes: the first of the table that takes examples of that shape,
    (h, w, c) or (d,).

    Raises BadData for one that there is not, or that does not fit.
    """
    if net == "auto":
        return next(architecture for architecture in table if architecture.takes(shape))
    try:
        chosen = architecture_named(net)
    except BadData as error:
        names = ", ".join(["auto", *ARCHITECTURES, "mlp-WIDTH-..", *_registered])
        raise BadData(f"--code {code} has no network named {net!r}; choose one of {names}") from error
    chosen.inputs_of(shape)  # does it fit?
    return chosen


def numbered(code: str, number: int) -> Architecture:
    """The network with that number in a file's header; raises Unsupported for an unknown one."""
    for architecture in _KNOWN:
        if architecture.number == number:
            return architecture
    raise Unsupported(
        f"the file uses network number {number} with --code {code}, which this version does not know; "
        "upgrade mdlcodec"
    )


__all__ = [
    "ARCHITECTURES",
    "ENTRY_POINTS",
    "LENET5",
    "LENET_300_100",
    "MOBILENET_HALF",
    "NARROW_CONVOLUTION",
    "NARROW_LENET",
    "NARROW_MLP",
    "RESNET20",
    "RESNET32",
    "RESNET56",
    "SHALLOW",
    "TINY_CNN",
    "VGG16",
    "VGGA",
    "VGGB",
    "Architecture",
    "architecture_named",
    "chosen_from",
    "is_architecture",
    "numbered",
    "own_architecture",
    "register",
]
