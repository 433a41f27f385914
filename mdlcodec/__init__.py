"""mdlcodec: labels, texts and trained networks as small files that decode to the same bits on any machine."""

from mdlcodec.api.labels import decode, encode, encode_labels
from mdlcodec.api.measures import bound, compare, inspect, probe
from mdlcodec.api.networks import pack, register, unpack
from mdlcodec.api.texts import decode_text, encode_text
from mdlcodec.errors import MdlcodecError
from mdlcodec.version import VERSION

__version__ = VERSION

__all__ = [
    "MdlcodecError",
    "bound",
    "compare",
    "decode",
    "decode_text",
    "encode",
    "encode_labels",
    "encode_text",
    "inspect",
    "pack",
    "probe",
    "register",
    "unpack",
]
