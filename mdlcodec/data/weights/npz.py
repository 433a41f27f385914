"""``.npz`` archives of arrays by name. Names never become paths: members are read and written here."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mdlcodec.data.dataset import quoted
from mdlcodec.data.npz import DAMAGE, MEMBER_ENDING, damaged, open_archive, read_member
from mdlcodec.data.tensor import Tensor
from mdlcodec.data.weights.contract import BYTES_OF_A_TENSOR, Loaded, check_number
from mdlcodec.errors import BadData, LimitExceeded
from mdlcodec.limits import check_memory, readers_within

ENDING = ".npz"
_COPIES = 3  # of the largest array, while it is unpacked and put in order
_MAX_MEMBER_NAME_BYTES = 65535
_PICKLE_OF_PYTORCH = "data.pkl"


def recognises(data: bytes) -> bool:
    """Whether it is a zip archive, and not one of PyTorch's."""
    if not data.startswith((b"PK\3\4", b"PK\5\6")):
        return False
    try:
        with open_archive(io.BytesIO(data), "the archive") as archive:
            return not any(name.rpartition("/")[2] == _PICKLE_OF_PYTORCH for name in archive.namelist())
    except (LimitExceeded, *DAMAGE):
        return True  # reading it says what is wrong


def read(data: bytes, memory: int) -> Loaded:
    """The arrays by name, as equal values in C order and the machine's byte order; see Reader.read."""
    try:
        with readers_within(memory - len(data)), open_archive(io.BytesIO(data), "the archive") as archive:
            members = archive.infolist()
            total = sum(info.file_size for info in members)  # integers
            if total > memory:
                raise BadData(f"unpacks to more than {memory} bytes; allow more with --max-memory")
            check_number(len(members))
            total += BYTES_OF_A_TENSOR * len(members)
            largest = max((info.file_size for info in members), default=0)
            check_memory(len(data) + total + _COPIES * largest, memory, "reading it takes")
            tensors = []
            for info in members:
                name = info.orig_filename  # filename would end at a zero character
                if not name.endswith(MEMBER_ENDING):
                    raise BadData(f"holds {quoted(name)}, which is no array; give an .npz file of arrays")
                name = name[: -len(MEMBER_ENDING)]
                tensors.append(Tensor.of(name, read_member(archive, info, quoted(name), memory)))
    except DAMAGE as error:
        raise damaged("it", error) from error
    return Loaded(tensors, [])


def write(tensors: Sequence[Tensor], path: Path) -> None:
    """The archive as np.savez writes it, members in the tensors' order; see Writer.write."""
    names = {tensor.name for tensor in tensors}
    with zipfile.ZipFile(path, "w") as archive:
        for tensor in tensors:
            if tensor.dtype.numpy is None:
                raise BadData(
                    f"tensor {quoted(tensor.name)} is {tensor.dtype.name}, which .npz cannot hold; "
                    "choose a name that ends in .safetensors"
                )
            info = zipfile.ZipInfo()
            info.filename = _member(tensor.name, names)  # given to ZipInfo(), some characters would change
            with archive.open(info, "w", force_zip64=True) as member:
                np.lib.format.write_array(member, tensor.array(), allow_pickle=False)


def _member(name: str, names: set[str]) -> str:
    """The member's name; BadData for what zip cannot hold, or numpy would take for another."""
    member = name + MEMBER_ENDING
    if "\0" in name or len(member.encode()) > _MAX_MEMBER_NAME_BYTES:
        problem = "names with a zero character, or of more than 65,531 bytes"
    elif member in names:
        problem = f"both that and {quoted(member)}: numpy takes one for the other"
    else:
        return member
    raise BadData(
        f"tensor {quoted(name)} cannot be written to .npz, which has no {problem}; "
        "choose a name that ends in .safetensors"
    )
