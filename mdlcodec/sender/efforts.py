"""What the presets -1 to -9 mean to a sender that trains a network to transmit it; no format knows these numbers.

A receiver trains nothing, so that they may change: the same file decodes as before.
"""

from dataclasses import dataclass

BATCH = 128  # examples a step, in every way of training
# share of the sender's full training of a network that is transmitted; the receiver trains nothing
TWO_PART = {1: 0.05, 2: 0.1, 3: 0.25, 4: 0.5, 5: 1.0, 6: 1.5, 7: 2.0, 8: 4.0, 9: 8.0}
# the same of training within a random subspace
SUBSPACE = {1: 0.05, 2: 0.1, 3: 0.25, 4: 0.5, 5: 1.0, 6: 1.5, 7: 2.0, 8: 4.0, 9: 8.0}


@dataclass(frozen=True)
class VariationalEffort:
    """What a sender of the variational code does; the receiver only draws the weights."""

    steps: float  # share of the full training of a posterior
    bits: int  # of a block's index: 2^bits candidates are looked at
    retraining: int  # steps after each block


VARIATIONAL = {
    1: VariationalEffort(steps=0.05, bits=12, retraining=2),
    2: VariationalEffort(steps=0.1, bits=14, retraining=4),
    3: VariationalEffort(steps=0.25, bits=16, retraining=8),
    4: VariationalEffort(steps=0.5, bits=17, retraining=12),
    5: VariationalEffort(steps=1.0, bits=18, retraining=24),
    6: VariationalEffort(steps=1.5, bits=19, retraining=32),
    7: VariationalEffort(steps=2.0, bits=20, retraining=48),
    8: VariationalEffort(steps=4.0, bits=20, retraining=96),
    9: VariationalEffort(steps=8.0, bits=20, retraining=192),
}
