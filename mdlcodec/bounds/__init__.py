"""Bounds on a network's error rate from the bytes of its file (Zhou et al. 2018; formats/bounds.md)."""

from mdlcodec.bounds.catoni import catoni_bound, phi_inverse
from mdlcodec.bounds.kl_inverse import binomial_tail_inverse, relative_entropy, relative_entropy_inverse
from mdlcodec.bounds.layers import LayerRow
from mdlcodec.bounds.occam import Description, description
from mdlcodec.bounds.report import Bound, BoundReport, Noise, bound_network
from mdlcodec.bounds.subject import RANGES, Subject, of_label_file, of_network_file

__all__ = [
    "RANGES",
    "Bound",
    "BoundReport",
    "Description",
    "LayerRow",
    "Noise",
    "Subject",
    "binomial_tail_inverse",
    "bound_network",
    "catoni_bound",
    "description",
    "of_label_file",
    "of_network_file",
    "phi_inverse",
    "relative_entropy",
    "relative_entropy_inverse",
]
