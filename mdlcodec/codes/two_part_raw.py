"""The two-part code with the network as plain float32 (Blier & Ollivier 2018, section 3.1)."""

import numpy as np

from mdlcodec.codes.contract import Options, Settings
from mdlcodec.codes.two_part import TwoPartCode, tensors_of
from mdlcodec.data.dataset import Inputs
from mdlcodec.nets.architectures import Layered
from mdlcodec.training.descent import StepProgress
from mdlcodec.training.presets import TWO_PART, effort_of
from mdlcodec.weights.tensor import Tensor

_EPOCHS, _FEWEST_STEPS = 20, 400  # of the full training


class RawTwoPartCode(TwoPartCode):
    """The network has its architecture's nominal widths, and is written as it was trained."""

    name = "two-part-raw"
    number = 3
    options: frozenset[str] = frozenset()

    def _trained(
        self,
        architecture: Layered,
        classes: np.ndarray,
        k: int,
        inputs: Inputs,
        settings: Settings,
        stage: StepProgress,
        options: Options,
    ) -> list[Tensor]:
        from mdlcodec.training.dense import dense_network

        steps = self._training_steps(architecture, inputs.n, settings.preset)
        weights = dense_network(
            architecture, inputs.features, classes, k, steps=steps, seed=settings.seed, progress=stage
        )
        return tensors_of(architecture, weights)

    def _section(self, tensors: list[Tensor]) -> bytes:
        from mdlcodec.weights.network_section import encode_network

        return encode_network(tensors, values="raw")

    def _training_steps(self, architecture: Layered, n: int, preset: int) -> int:
        from mdlcodec.training.dense import BATCH

        full = max(_FEWEST_STEPS, _EPOCHS * -(-n // BATCH))
        return max(1, int(full * effort_of(TWO_PART, preset)))
