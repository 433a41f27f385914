"""The two-part code of a text (Blier & Ollivier 2018, Definition 1; Barth & von Petersenn 2025; formats/text.md): a
network over bytes, then the text under it.

The sender trains, prunes and quantises the network in ordinary float32 and writes it; both sides then predict with
what was written, exactly, place by place. Many streams are predicted at once, so that this is fast.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from typing_extensions import override

from mdlcodec.codes.contract import Progress, Settings
from mdlcodec.codes.options import DEFAULT_SPARSIFY, NO_OPTIONS, TRAINING, Options
from mdlcodec.codes.sent_weights import read_weights, section_memory, section_work, tensors_of
from mdlcodec.codes.text.contract import EncodedText, TextCode
from mdlcodec.codes.text.segments import decode_segment, encode_segment
from mdlcodec.container.frame import Reader, unsigned
from mdlcodec.container.ids import CodeId, TextNetId
from mdlcodec.entropy import RangeDecoder, RangeEncoder
from mdlcodec.errors import BadData, CorruptFile
from mdlcodec.limits import EXPONENTIAL, Cost
from mdlcodec.predictors.streams import Streams, streams_of

if TYPE_CHECKING:  # torch loads when a network is trained or predicts
    from mdlcodec.nn.steps import Steps
    from mdlcodec.nn.zoo.sequences import SequenceArchitecture
    from mdlcodec.sender.float_network import Tensors
    from mdlcodec.sender.loop import Trainer
    from mdlcodec.sender.sparsify import Choices

_STREAMS, _LEAST_STREAM = 128, 4096  # at most so many, of at least so many bytes
_SEGMENT = 32  # places between two reports
_TRIALS = 8  # of tools for each tensor, when a network is written
_NARROWED = ("fc1.", "fc2.")  # layers whose units, or inputs, may be fewer than nominal
_CALL = 150_000  # operations that take as long as calling a node for one place


@dataclass(frozen=True)
class TwoPartTextPayload:
    """A payload taken apart."""

    network: bytes  # the network section
    text: bytes  # the range coder's

    @classmethod
    def read(cls, payload: bytes) -> TwoPartTextPayload:
        """The parts of the payload of a text that is not empty. Raises CorruptFile."""
        reader = Reader(payload)
        return cls(reader.take(reader.unsigned()), reader.rest())

    def written(self) -> bytes:
        """The payload."""
        return unsigned(len(self.network)) + self.network + self.text


class _Curve:
    """Progress of a text that is coded more than once: kept, and told of what is sent alone."""

    def __init__(self, n: int, progress: Progress) -> None:
        self._n, self._progress = n, progress
        self._points: list[tuple[int, float]] = []

    def __call__(self, done: int, bits: float, stage: str = "", mistakes: int | None = None, /) -> None:
        self._points.append((done, bits))
        self._progress(0, 0.0, f"coding, {done:,} of {self._n:,} bytes")

    def tell(self) -> None:
        """This is what is sent."""
        for done, bits in self._points:
            self._progress(done, bits)


class TwoPartText(TextCode):
    """A network over bytes that is transmitted; an empty text has an empty payload."""

    name, number = "two-part", int(CodeId.TWO_PART)
    is_quick = False
    is_trained_alone = True
    options = frozenset({"sparsify", *TRAINING})

    def __init__(self, net: TextNetId) -> None:
        self._named = net.name.lower().replace("_", "-")
        self.net, self.net_number = self._named, int(net)

    @override
    def settings(self, preset: int, seed: int) -> Settings:
        return Settings(self.net_number, preset, seed)

    @property
    def _architecture(self) -> SequenceArchitecture:
        from mdlcodec.nn.zoo.sequences import sequence_architecture_named

        return sequence_architecture_named(self._named)

    @property
    def weights(self) -> int:
        """How many the network has, before any went."""
        return self._architecture.size

    @override
    def cost(self, n: int, settings: Settings) -> Cost:
        """No network in a file is larger than its architecture."""
        from mdlcodec.nn.nodes import Attention
        from mdlcodec.nn.work import prediction_work
        from mdlcodec.nn.zoo.sequences import SYMBOLS

        architecture = self._architecture
        graph, places = architecture.graph, (architecture.places,)
        count = streams_of(n, _STREAMS, _LEAST_STREAM)
        longest, parameters = -(-n // count), graph.size(places)
        work = longest * len(graph.vertices) * _CALL + prediction_work(graph, places, -(-n // places[0]))
        work += 3 * EXPONENTIAL * SYMBOLS * n + section_work(architecture, places, SYMBOLS)
        # keys and values of two windows in every layer, integers and powers of two, and scores of a segment
        kept = sum(  # integers
            2 * v.node.window * (4 * shape[1] + 16 * v.node.heads)
            for v, (shape, *_) in graph.entering(places)
            if isinstance(v.node, Attention)
        )
        memory = count * (kept + 16 * _SEGMENT * SYMBOLS + 64 * graph.values((1,)))
        memory += 48 * parameters + 4 * n + (1 << 27) + section_memory(architecture, places, SYMBOLS)
        return Cost(parameters, work, memory)

    @override
    def sending_cost(self, n: int, settings: Settings, options: Options = NO_OPTIONS) -> Cost:
        from mdlcodec.nn.work import step_work
        from mdlcodec.nn.zoo.sequences import SYMBOLS
        from mdlcodec.sender.efforts import BATCH, TWO_PART
        from mdlcodec.sender.sparsify import steps_of
        from mdlcodec.sender.text_task import BYTES_AN_EXAMPLE, windows_of

        architecture, cost = self._architecture, self.cost(n, settings)
        effort, examples = TWO_PART[settings.preset], n // BYTES_AN_EXAMPLE
        steps = steps_of(architecture, *_chosen(options), effort, examples)
        places = (architecture.places,)
        windows = windows_of(BATCH, architecture.places)
        work = cost.work + steps * step_work(architecture.graph, places, windows)
        work += _TRIALS * section_work(architecture, places, SYMBOLS)
        # weights, gradients and moments; what backward passes keep; the order of the windows
        memory = cost.memory + 64 * cost.parameters + 64 * windows * architecture.graph.values(places)
        return Cost(cost.parameters, work, memory + 24 * n + (1 << 28))

    @override
    def check_options(self, options: Options) -> None:
        from mdlcodec.sender.sparsify import check_choices

        sparsify, choices = _chosen(options)
        check_choices(sparsify, choices, text=True)

    @override
    def sections(self, payload: bytes) -> list[tuple[str, int]]:
        """The length of the network is counted with it."""
        text = len(TwoPartTextPayload.read(payload).text) if payload else 0
        return [("network", len(payload) - text), ("text", text)]

    @override
    def network_section(self, payload: bytes) -> bytes:
        if not payload:
            raise BadData("the file of an empty text holds no network: there was nothing to learn")
        return TwoPartTextPayload.read(payload).network

    @override
    def encode(
        self, text: bytes, settings: Settings, progress: Progress, options: Options = NO_OPTIONS
    ) -> EncodedText:
        """Raises InexactComputation when training diverges, BadData for options that do not exist."""
        if not text:
            return EncodedText(b"", 0.0)
        section = self._trained(text, settings, progress, options)
        curve = _Curve(len(text), progress)
        found = self.under(section, text, curve)
        if len(found.payload) > len(text):
            # no network was worth its bits: one that is 0 throughout says that all bytes are as likely
            without = _Curve(len(text), progress)
            untrained = self.under(_section(self._zeros()), text, without)
            if len(untrained.payload) < len(found.payload):
                found, curve = untrained, without
        curve.tell()
        return found

    def under(self, section: bytes, text: bytes, progress: Progress) -> EncodedText:
        """The payload of a text under the network in a section. Raises BadData for one that does not fit."""
        try:
            steps = self._predictor(section)
        except CorruptFile as error:
            raise BadData(f"this network cannot be sent: {error}") from error
        streams, coder, bits = _streams(len(text)), RangeEncoder(), 0.0
        streams.place(text)
        state = steps.begin(streams.count)
        for start, stop in streams.segments(_SEGMENT):
            scores = [steps.step(state, streams.known[:, place]) for place in range(start, stop)]
            bits += encode_segment(coder, streams, start, stop, np.stack(scores, 1))
            progress(streams.before(stop), bits)
        return EncodedText(TwoPartTextPayload(section, coder.finish()).written(), bits)

    @override
    def decode(self, payload: bytes, n: int, settings: Settings, progress: Progress) -> bytes:
        """Raises CorruptFile for a payload that proves damaged, InexactComputation for a network whose values are
        not finite."""
        if n == 0:
            if payload:
                raise CorruptFile("damaged: an empty text with a payload")
            return b""
        parts = TwoPartTextPayload.read(payload)
        steps, streams = self._predictor(parts.network), _streams(n)
        coder, state, bits = RangeDecoder(parts.text), steps.begin(streams.count), 0.0
        for start, stop in streams.segments(_SEGMENT):
            bits += decode_segment(coder, streams, start, stop, steps, state)
            progress(streams.before(stop), bits)
        return streams.text()

    def network(self, payload: bytes) -> dict[str, np.ndarray]:
        """The tensors that a payload transmits, float32, by name. Raises as ``network_section`` does."""
        from mdlcodec.nn.zoo.sequences import SYMBOLS

        architecture, section = self._architecture, self.network_section(payload)
        return dict(read_weights(section, architecture, (architecture.places,), SYMBOLS))

    def _zeros(self) -> dict[str, np.ndarray]:
        from mdlcodec.nn.zoo.sequences import SYMBOLS

        tensors = self._architecture.tensors((self._architecture.places,), SYMBOLS)
        return {name: np.zeros(parameter.shape, np.float32) for name, parameter in tensors.items()}

    def _predictor(self, section: bytes) -> Steps:
        """The network of a section. Raises CorruptFile."""
        from mdlcodec.exact.choice import chosen_arithmetic
        from mdlcodec.nn.exact_prediction import held, with_units
        from mdlcodec.nn.steps import Steps
        from mdlcodec.nn.zoo.sequences import SYMBOLS

        architecture, arithmetic = self._architecture, chosen_arithmetic()
        places = (architecture.places,)
        weights = read_weights(section, architecture, places, SYMBOLS)
        _check_nominal(architecture, weights)
        graph, full = with_units(architecture.graph, weights, places)
        return Steps(graph, architecture.places, held(graph, places, full, arithmetic), arithmetic)

    def _trained(self, text: bytes, settings: Settings, progress: Progress, options: Options) -> bytes:
        """The network section of a network that was trained on the text."""
        from mdlcodec.exact.guard import sender_alone
        from mdlcodec.observe.progress import Told
        from mdlcodec.sender.efforts import TWO_PART
        from mdlcodec.sender.loop import Trainer
        from mdlcodec.sender.text_task import TextTask

        effort = TWO_PART[settings.preset]
        with sender_alone():
            task = TextTask.of_text(self._architecture, text, seed=settings.seed, effort=effort)
            told = Told(lambda said: progress(0, 0.0, said), "nats a byte")
            trainer = Trainer(task, (told, *options.observers))
            network = (options.method or _method(options))(trainer)
        progress(0, 0.0, "writing the network")
        return _section({name: tensor.numpy() for name, tensor in network.items()})


def _check_nominal(architecture: SequenceArchitecture, weights: Mapping[str, np.ndarray]) -> None:
    """Raise CorruptFile where something but the layers fc1.b, and what reads them, is narrower than nominal."""
    for name, parameter in architecture.graph.tensors((architecture.places,)).items():
        if weights[name].shape != parameter.shape and not name.startswith(_NARROWED):
            raise CorruptFile(f"damaged: {name} has shape {weights[name].shape}, not {parameter.shape}")


def _section(tensors: dict[str, np.ndarray]) -> bytes:
    from mdlcodec.descriptions.tensors.network_section import encode_network

    return encode_network(tensors_of(tensors))


def _streams(n: int) -> Streams:
    return Streams(n, _STREAMS, _LEAST_STREAM)


def _chosen(options: Options) -> tuple[str, Choices]:
    from mdlcodec.sender.sparsify import Choices

    return options.sparsify or DEFAULT_SPARSIFY, Choices(**options.training())


def _method(options: Options) -> Callable[[Trainer], Tensors]:
    from mdlcodec.sender.sparsify import sparse_network

    sparsify, choices = _chosen(options)
    return partial(sparse_network, sparsify=sparsify, choices=choices)
