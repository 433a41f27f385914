"""Pruning after a fit (Zhou et al. 2018, section 8): no preprocessing and no penalty, so that any labels are
learned.

The network is trained on the examples as they are until it has them right; then the smallest weights of the whole
network go, to a share that is the strength, while training goes on; codebooks follow.
"""

from __future__ import annotations

from mdlcodec.sender.sparsify.magnitude import Magnitude


class AfterFit(Magnitude):
    """See the module; strength: the share of weights that go, 0 for none."""

    strengths = (0.0, 0.9999)
    pruned_from, pruned_until = 0.5, 0.75
    takes = Magnitude.takes - {"copies", "moved"}  # any labels, of examples as they are
    rgp = False
    priced = False
    copies = 0
