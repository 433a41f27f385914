"""The two-part code of a text (formats/text.md)."""

import numpy as np

from decoder.blocks import softmaxes
from decoder.frame import Damaged, Reader
from decoder.network_section import decode_network
from decoder.range_coder import Decoder, frequencies
from decoder.sequence_networks import SequenceNetwork
from decoder.text_streams import Streams
from decoder.two_part import real

NETWORKS = {
    5: "transformer-small",
    6: "transformer-medium",
    2: "transformer",
    7: "lstm-small",
    3: "lstm",
}


def decode_two_part_text(payload, n, net):
    """The text of n bytes under the network of that number."""
    if n == 0:
        if payload:
            raise Damaged("an empty text with a payload")
        return b""
    r = Reader(payload)
    tensors = [real(kind, patterns) for _, kind, patterns in decode_network(r.take(r.unsigned()))]
    network = SequenceNetwork.given(NETWORKS[net], tensors)
    if not all(np.isfinite(t).all() for t in tensors):
        raise Damaged("NaN or infinity")
    streams, coder = Streams(n, 128, 4096), Decoder(r.rest())
    for place in range(streams.longest):
        scores = network.scores(streams.known[:, : place + 1])[:, -1]
        for i, row in enumerate(softmaxes(scores[: streams.here(place)])):
            streams.known[i, place + 1] = coder.symbol(frequencies(row))
    return streams.text()
