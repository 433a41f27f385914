"""The result of encoding labels, as an object: the file's bytes, what is known of them, and what was learned."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from mdlcodec import data
from mdlcodec.data.dataset import Dataset, Labels
from mdlcodec.data.unseen import features_beside
from mdlcodec.errors import BadData
from mdlcodec.files import label_file
from mdlcodec.files.curves import Curve
from mdlcodec.files.learned import Answers, learn_again
from mdlcodec.limits import SENDER_LIMITS, Limits
from mdlcodec.report.coded_file import CodedFile, html_table
from mdlcodec.report.information import mutual_information

if TYPE_CHECKING:
    from mdlcodec.files.runs import Run


@dataclass(frozen=True)
class Result(CodedFile):
    """Labels as a file, and what is known of it.

    ``blob``: the file's bytes; ``ideal_bits``: -sum log2 p of the labels, without header and network;
    ``uniform_bits``: n log2 k; ``sections``: name and bytes of each, adding up to the file; ``seconds``: of
    encoding; ``mutual_information``: H(Y) - bits / n, in bits a label, None for reals; ``curve``: see
    `mdlcodec.files.curves.Curve`; ``labels``, ``classes``: how many, None classes of reals.

    What follows is computed when it is read, and takes as long as decoding once, where both sides learn:
    ``parameter_bits``, ``predict_proba``, ``predict``, ``accuracy``. A result that was pickled has its inputs no
    longer, and needs them again: `with_inputs`.
    """

    blob: bytes = field(repr=False)
    code: str
    net: str | None
    preset: int
    seed: int
    labels: int
    classes: int | None
    ideal_bits: float
    uniform_bits: float
    seconds: float = field(compare=False)
    mutual_information: float | None
    sections: tuple[tuple[str, int], ...] = field(repr=False)
    curve: Curve = field(repr=False)
    training_error: float | None = None
    objective_bits: float | None = None
    _dataset: Dataset | None = field(default=None, repr=False, compare=False)
    _device: str = field(default="auto", repr=False, compare=False)
    _limits: Limits = field(default=SENDER_LIMITS, repr=False, compare=False)

    @classmethod
    def of(cls, blob: bytes, run: Run, dataset: Dataset, device: str, limits: Limits) -> Result:
        """Of what files.labels.encode gave, and was given."""
        assert dataset.labels is not None
        assert run.curve is not None
        facts: dict[str, Any] = label_file.inspect(blob)
        return cls(
            blob=blob,
            **{name: facts[name] for name in _TOLD},
            ideal_bits=run.ideal_bits,
            seconds=run.seconds,
            mutual_information=mutual_information(dataset.labels, len(blob)),
            sections=tuple((part["name"], part["bytes"]) for part in facts["sections"]),
            curve=run.curve,
            training_error=run.training_error,
            objective_bits=run.objective_bits,
            _dataset=dataset,
            _device=device,
            _limits=limits,
        )

    def __hash__(self) -> int:
        return hash(self.blob)

    @cached_property
    def _answers(self) -> Answers:
        dataset = self._known()
        assert dataset.labels is not None
        file = label_file.parse(self.blob)
        return learn_again(file, dataset.inputs, dataset.labels, device=self._device, limits=self._limits)

    @cached_property
    def parameter_bits(self) -> float:
        """What learning cost: the codelength without what the labels take once all is learned, bits + sum log2
        p_final(y | x) (Blier & Ollivier 2018, section 3.4)."""
        labels = self._class_labels()
        return self.bits - self._answers.bits(self._known().inputs.features, labels.classes)

    @property
    def class_values(self) -> np.ndarray:
        """(k,) labels in the order of the columns of ``predict_proba``."""
        return label_file.parse(self.blob).header.values

    def predict_proba(self, x: object) -> np.ndarray:
        """Of each class, float64 (m, k), for other examples x (m, ...) of the coded ones' shape.

        What is learned from all labels predicts them as it would the next block; a network that the file transmits,
        with its calibration.

        Raises BadData for examples of another shape, and for real numbers.
        """
        self._class_labels()
        content = self._known().content
        assert content is not None
        features = features_beside(content, data.content_of(x))
        return self._answers.probabilities(features)

    def predict(self, x: object) -> np.ndarray:
        """The most likely label of each of other examples, (m,) in the labels' dtype. Raises as predict_proba."""
        values: np.ndarray = self.class_values[self.predict_proba(x).argmax(1)]
        return values

    def accuracy(self, x: object, y: object) -> float:
        """Share of other examples x (m, ...) whose most likely label is theirs, y (m,). Raises as predict_proba."""
        truth = data.from_arrays(x, y).class_labels.array()
        return float(np.mean(self.predict(x) == truth))

    def with_inputs(self, x: object, y: object | None = None) -> Result:
        """The same with its inputs x (n, ...) again, and labels; without y they are decoded.

        Raises WrongInputs for others.
        """
        from dataclasses import replace

        from mdlcodec.files import label_inputs, labels

        file = label_file.parse(self.blob)
        content = data.content_of(x)
        inputs = label_inputs.matching([content], file.header)
        if y is None:
            decoded, _ = labels.decode(file, lambda _: [content], device=self._device, limits=self._limits)
        else:
            choice = data.Choice("classes" if self.classes is not None else "reals")
            given = data.from_arrays(x, y, choice).labels
            assert given is not None
            decoded = given
        return replace(self, _dataset=Dataset(inputs, decoded, content=content))

    def _known(self) -> Dataset:
        if self._dataset is None:
            raise BadData(
                "this result was loaded without its inputs; give them with result.with_inputs(x, y)"
            )
        return self._dataset

    def _class_labels(self) -> Labels:
        if self.classes is None:
            raise BadData("labels that are real numbers have no probabilities of classes")
        return self._known().class_labels

    def __getstate__(self) -> dict[str, Any]:
        """Without the inputs, and what was computed."""
        kept = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return kept | {"_dataset": None}

    def __str__(self) -> str:
        uniform = f"{math.ceil(self.uniform_bits / 8):,}"
        parts = [
            f"{self.labels:,} labels in {len(self.blob):,} bytes",
            "" if self.ratio is None else f" ({self.ratio:.1%} of uniform's {uniform})",
            f": {self._how}",
        ]
        if self.mutual_information is not None:
            parts.append(f"; {self.mutual_information:.3f} bits of information a label")
        return "".join(parts)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        """For notebooks: a small table."""
        rows = {
            "code": self._how,
            "labels": f"{self.labels:,}" + ("" if self.classes is None else f" of {self.classes:,} classes"),
            "bytes": f"{len(self.blob):,}"
            + ("" if self.ratio is None else f" ({self.ratio:.1%} of uniform)"),
            "ideal bits of the labels": f"{self.ideal_bits:,.1f}",
            "mutual information": ""
            if self.mutual_information is None
            else f"{self.mutual_information:.3f} bits a label",
            "sections": ", ".join(f"{name} {size:,}" for name, size in self.sections),
            "seconds": f"{self.seconds:.1f}",
        }
        return html_table(rows)


_TOLD = ("code", "net", "preset", "seed", "labels", "classes", "uniform_bits")
