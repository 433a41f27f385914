"""A network that is trained for a data set's labels, as a file of its own without them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from mdlcodec.errors import BadData
from mdlcodec.exact.processor_state import entry
from mdlcodec.files.runs import Plan, Watch, announced
from mdlcodec.files.settled import settle
from mdlcodec.limits import SENDER_LIMITS, Limits

if TYPE_CHECKING:
    from mdlcodec.codes import Options
    from mdlcodec.data import Dataset
    from mdlcodec.nn.zoo import Architecture


@entry
def encode_network(
    dataset: Dataset,
    *,
    code: str = "two-part",
    net: str = "auto",
    preset: int | None = None,
    seed: int = 0,
    options: Options | None = None,
    limits: Limits = SENDER_LIMITS,
    watch: Watch | None = None,
) -> tuple[bytes, Architecture, float]:
    """The file of the network that a code which transmits one would transmit, what it is, and the seconds it took.

    Arguments as of `files.labels.encode`. Raises BadData for codes without such a file, and for one class.
    """
    from mdlcodec.codes.transmitted import TransmittedNetwork
    from mdlcodec.exact.choice import computing_on

    settled = settle(dataset, code=code, net=net, preset=preset, seed=seed, device="cpu", options=options)
    chosen, settings, labels = settled.code, settled.settings, settled.labels
    if not isinstance(chosen, TransmittedNetwork):
        raise BadData(
            f"--code {chosen.name} transmits no network; choose --code two-part, two-part-raw or variational"
        )
    if labels.target.is_settled:
        raise BadData("there is one class only, and so nothing that a network could learn")
    with computing_on("cpu"):
        prepared = chosen.prepare(dataset.inputs, labels.target, settings)
        costs = prepared.sending_cost(settled.options), prepared.cost
        plan = Plan(chosen.name, chosen.net_name(settings), settings, labels.n, labels.target, *costs)
        held = dataset.inputs.features.nbytes  # integers
        progress, _ = announced(plan, held, limits, watch)
        start = time.perf_counter()
        blob = prepared.network_file(labels.coded, progress, settled.options)
        return blob, chosen.architecture(settings), time.perf_counter() - start
