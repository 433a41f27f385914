"""What a sender asks for, by name, as a code and its settings: all that can be refused before anything is
computed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mdlcodec.container.ids import HIGHEST_PRESET, LOWEST_PRESET, PROBE_PRESET
from mdlcodec.data.dataset import Labels
from mdlcodec.errors import BadData
from mdlcodec.limits import integer

if TYPE_CHECKING:
    from mdlcodec.codes import Options, Settings
    from mdlcodec.codes.contract import Code
    from mdlcodec.data import AnyLabels, Dataset

MAX_SEED = (1 << 64) - 1


@dataclass(frozen=True)
class Settled:
    """A code for these labels, its settings and options."""

    code: Code
    settings: Settings
    options: Options
    labels: AnyLabels


def settle(
    dataset: Dataset,
    *,
    code: str,
    net: str,
    preset: int | None,
    seed: int,
    device: str,
    options: Options | None,
) -> Settled:
    """Arguments as of `files.labels.encode`. Raises BadData for settings that do not exist or do not fit."""
    from mdlcodec.codes import AUTO, CODES, NO_OPTIONS, auto_code, code_named
    from mdlcodec.predictors.presets import DEFAULT_PRESET

    names = (("code", code), ("net", net), ("device", device))
    for name, text in names:
        if not isinstance(text, str):
            raise BadData(f"{name} is of type {type(text).__name__}; give its name as a string")
    inputs, labels = dataset.inputs, dataset.labels
    if labels is None:
        raise BadData("there are no labels to encode; give labels with the inputs")
    preset = DEFAULT_PRESET if preset is None else integer(preset, "preset")
    if preset == PROBE_PRESET:
        code = _code_of_probe(code, net, dataset)
    code = auto_code(net, inputs, labels.target) if code == AUTO else code
    chosen = code_named(code)
    options = NO_OPTIONS if options is None else options.checked()
    for name in options.given():
        if name not in chosen.options:
            owners = " and ".join(other.name for other in CODES.values() if name in other.options)
            raise BadData(f"--code {code} has no option {name}, which is for {owners}; leave it out")
    chosen.check_options(options)
    seed = integer(seed, "seed")
    if not LOWEST_PRESET <= preset <= HIGHEST_PRESET and preset != PROBE_PRESET:
        raise BadData(
            f"no preset {preset}; choose one of {LOWEST_PRESET} (fastest) to {HIGHEST_PRESET} (smallest)"
        )
    if not 0 <= seed <= MAX_SEED:
        raise BadData(f"the seed {seed} is out of range; choose one of 0 to 2^64 - 1")
    chosen.check_target(labels.target)
    return Settled(chosen, chosen.settings(net, preset, seed, inputs, labels.target), options, labels)


def _code_of_probe(code: str, net: str, dataset: Dataset) -> str:
    """What `auto` is under the preset of probes. Raises BadData for what that preset is not for."""
    from mdlcodec.codes import AUTO

    if dataset.inputs.is_images:
        raise BadData("probes are of columns, and these inputs are images; give them as (n, d)")
    if not isinstance(dataset.labels, Labels):
        raise BadData("probes are of classes, and these labels are real numbers; say --as classes")
    if code not in (AUTO, "switching", "prequential") or net not in (AUTO, "several", "mlp", "kernel"):
        raise BadData("the preset of probes is for --code switching, or prequential with mlp or kernel")
    return "switching" if code == AUTO and net in (AUTO, "several") else code
