"""The two-part code with the network as plain float32 (Blier & Ollivier 2018, section 3.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mdlcodec.codes.contract import Given, Options
from mdlcodec.codes.two_part import TwoPartCode, tensors_of
from mdlcodec.data.tensor import Tensor
from mdlcodec.nn.architectures import Layered

if TYPE_CHECKING:
    from mdlcodec.sender.descent import StepProgress

_EPOCHS, _FEWEST_STEPS = 20, 400  # of the full training


class RawTwoPartCode(TwoPartCode):
    """The network has its architecture's nominal widths, and is written as it was trained."""

    name = "two-part-raw"
    number = 3
    options: frozenset[str] = frozenset()

    def _trained(
        self,
        architecture: Layered,
        given: Given,
        classes: np.ndarray,
        stage: StepProgress,
        options: Options,
    ) -> list[Tensor]:
        from mdlcodec.sender.dense import dense_network

        steps = self._training_steps(architecture, given.n, given.settings.preset)
        weights = dense_network(
            architecture,
            given.inputs.features,
            classes,
            given.k,
            steps=steps,
            seed=given.settings.seed,
            progress=stage,
        )
        return tensors_of(architecture, weights)

    def _section(self, tensors: list[Tensor]) -> bytes:
        from mdlcodec.descriptions.tensors.network_section import encode_network

        return encode_network(tensors, values="raw")

    def _training_steps(self, architecture: Layered, n: int, preset: int) -> int:
        from mdlcodec.sender.dense import BATCH
        from mdlcodec.sender.efforts import TWO_PART

        full = max(_FEWEST_STEPS, _EPOCHS * -(-n // BATCH))
        return max(1, int(full * TWO_PART[preset]))
