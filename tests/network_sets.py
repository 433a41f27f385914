"""Files that hold networks, for several tests."""

import numpy as np

from mdlcodec.codes.two_part import Parts, TwoPartCode
from mdlcodec.container import LabelHeader, write_label_file
from mdlcodec.nn.architectures import ARCHITECTURES


def label_file(section: bytes) -> bytes:
    """A label file of a two-part code with that network, and labels that nobody decodes."""
    header = LabelHeader(
        code=TwoPartCode.number,
        net=ARCHITECTURES["lenet-300-100"].number,
        preset=5,
        seed=0,
        n=9,
        values=np.arange(3),
        form="npy",
        column=None,
        input_digest=bytes(4),
        label_digest=bytes(4),
    )
    return write_label_file(header, Parts(section, 0, b"labels").written())
