"""Files of weights as others read and write them: safetensors, .npz, PyTorch state dicts.

Read by what is in them, written by the ending of their name. A new reader is one new file and one line here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from mdlcodec.container.frame import MAGIC
from mdlcodec.data.bounded import open_bounded
from mdlcodec.data.dataset import quoted
from mdlcodec.data.tensor import Tensor
from mdlcodec.data.weights import npz, pytorch, safetensors
from mdlcodec.data.weights.contract import Loaded
from mdlcodec.errors import BadData, LimitExceeded


class Reader(Protocol):
    """A module that reads one format."""

    def recognises(self, data: bytes) -> bool:
        """Whether a file with these bytes is meant for this reader."""

    def read(self, data: bytes, memory: int) -> Loaded:
        """Its tensors; BadData for a file that cannot be used, or has more than ``memory`` bytes; LimitExceeded
        where it and its tensors take more."""


class Writer(Protocol):
    """A module that writes one format."""

    ENDING: str

    def write(self, tensors: Sequence[Tensor], path: Path) -> None:
        """Writes the file, without a copy of the tensors; BadData for those that the format cannot hold."""


READERS: tuple[Reader, ...] = (npz, safetensors, pytorch)
WRITERS: tuple[Writer, ...] = (safetensors, npz)

_HINTS = {
    b"\x93NUMPY": "it is a single array; save arrays by name, with np.savez",
    MAGIC: "it is an mdlcodec file already; mdlcodec unpack takes the weights out",
    b"\x89HDF": "it is HDF5; save the weights as safetensors, or with np.savez",
}


def read_weights(source: str, memory: int) -> Loaded:
    """The tensors in a file of weights, which may take ``memory`` bytes, with the file. Raises BadData and
    LimitExceeded."""
    path = Path(source)
    if path.is_file() and path.stat().st_size > memory:
        raise BadData(f"{quoted(source)} has more than {memory:,} bytes; allow more with --max-memory")
    with open_bounded(path, memory) as stream:
        data = stream.read(path.stat().st_size + 1)  # at once, so that it is not held twice
        data += stream.read()  # of compressed files
    reader = next((reader for reader in READERS if reader.recognises(data)), None)
    if reader is None:
        hints = [hint for head, hint in _HINTS.items() if data.startswith(head)]
        hint = hints[0] if hints else "give safetensors, an .npz file, or a PyTorch state dict"
        raise BadData(f"{quoted(source)} holds no weights that can be read: {hint}")
    try:
        loaded = reader.read(data, memory)
        check_names([tensor.name for tensor in loaded.tensors])
    except (BadData, LimitExceeded) as error:
        raise type(error)(f"{quoted(source)}: {error}") from error
    return loaded


def check_names(names: Sequence[str]) -> None:
    """Raise BadData for names that are not Unicode text, or that come twice."""
    for name, times in Counter(names).items():
        if times > 1:
            raise BadData(f"holds the tensor {quoted(name)} {times} times; give every tensor its own name")
        try:
            name.encode()
        except UnicodeEncodeError as error:
            raise BadData(f"holds a tensor named {quoted(name)}, which is not Unicode text") from error


def writer_for(path: str) -> Writer:
    """What writes weights to a file of that name; BadData for an ending of no format."""
    for writer in WRITERS:
        if path.endswith(writer.ENDING):
            return writer
    endings = " or ".join(writer.ENDING for writer in WRITERS)
    raise BadData(f"{quoted(path)} says no form that weights can be written in; choose {endings}")
