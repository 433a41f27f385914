"""The switching code (Blier & Ollivier 2018, section 3.4; Van Erven et al. 2012; formats/switching.md).

Several predictors learn side by side, and each label is coded under the switch distribution over them: a kernel
machine that is good from few labels on, nearest neighbours, networks that are better from many on, and networks
that were stopped earlier. What is best changes with the number of labels, and the catch-up cost goes.
"""

from typing_extensions import override

from mdlcodec.codes.contract import Code, Given, Prepared, Settings
from mdlcodec.codes.prequential import LearnedClasses
from mdlcodec.container.ids import CodeId, NetId
from mdlcodec.data.dataset import Inputs
from mdlcodec.data.targets import Classes, Reals, Target
from mdlcodec.errors import BadData
from mdlcodec.predictors import LARGE_NUMBERS, SEVERAL, number_of_images


class SwitchingCode(Code):
    """Each label is coded under the switch distribution over predictions learned from the labels before it."""

    takes_reals = True
    name = "switching"
    number: int = CodeId.SWITCHING

    @override
    def settings(self, net: str, preset: int, seed: int, inputs: Inputs, target: Target) -> Settings:
        """The predictors follow from the inputs' shape and number."""
        if net not in ("auto", SEVERAL):
            raise BadData(f"--code switching runs several predictors and has no --net {net}; leave it out")
        number = number_of_images(inputs, preset) if isinstance(target, Classes) else NetId.NONE
        return Settings(net=number if number in LARGE_NUMBERS else NetId.NONE, preset=preset, seed=seed)

    @override
    def net_name(self, settings: Settings) -> str:
        if settings.net not in LARGE_NUMBERS:
            self.check_no_network(settings)
        return SEVERAL

    @override
    def check_network(self, settings: Settings, target: Target) -> None:
        if isinstance(target, Reals):
            self.check_no_network(settings)

    def _prepared(self, given: Given) -> Prepared:
        if isinstance(given.target, Reals):
            from mdlcodec.codes.real_numbers import LearnedReals
            from mdlcodec.predictors.reals import real_family

            return LearnedReals(given, real_family(SEVERAL))
        from mdlcodec.predictors import switched

        return LearnedClasses(given, switched.SwitchedFamily(given.settings.net))
