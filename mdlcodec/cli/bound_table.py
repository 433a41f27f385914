"""What ``mdlcodec bound`` tells: as values, and as lines for people."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from mdlcodec.cli.terminal import table

if TYPE_CHECKING:
    from mdlcodec.bounds import BoundReport, Subject

ASSUMED = (
    "the n examples were drawn independently from one distribution, and the bounds are on the error rate under it",
    "the set of labels and the inputs' size and format were known before the data",
    "n, the confidence and the file format were chosen before the data; architectures, settings and seeds "
    "may have been tried at will: what they lead to is in the network's description",
)
ASSUMED_OF_OWN = "the network that is registered under its name, and its version, were chosen before the data"
ASSUMED_OF_TOP = "how many largest scores count was chosen before the data"


def facts_of(file: str, subject: Subject, report: BoundReport, seed: int) -> dict[str, Any]:
    """The result, in values that JSON can hold; sizes in bytes."""
    noise = report.noise
    effective = noise.nats / math.log(2.0) / 8.0
    return {
        "file": file,
        "net": subject.architecture.name,
        "n": report.n,
        "top": report.top,
        "errors": report.errors,
        "training_error": report.training_error,
        "confidence": report.confidence,
        "original_bytes": subject.raw_bytes,
        "compressed_bytes": subject.section_bytes,
        "equal_length_bytes": subject.equal_length_bytes,
        "robustness_bytes": noise.description.bits / 8.0 - effective,
        "effective_bytes": effective,
        "bound": report.best.value,
        "bounds": [
            {
                "name": bound.name,
                "classifier": bound.classifier,
                "value": bound.value,
                "training_error": bound.training_error,
                "divergence_bits": bound.nats / math.log(2.0),
            }
            for bound in report.bounds
        ],
        "layers": [
            {
                "name": row.name,
                "shape": row.shape,
                "elements": row.elements,
                "nonzeros": row.nonzeros,
                "share": row.share,
                "bytes": row.bits / 8.0,
                "equal_length_bytes": row.equal_length_bits / 8.0,
                "smoothing_bytes": row.smoothing_bits / 8.0,
            }
            for row in report.layers
        ],
        "paid": [{"what": what, "bits": bits} for what, bits in report.description.parts],
        "noise": {
            "trials": noise.trials,
            "errors": noise.errors,
            "training_error_at_most": noise.training_error,
            "seed": seed,
            "layers": [
                {
                    "name": name,
                    "deviation": sigma,
                    "prior_deviation": prior.scale,
                    "prior_weighing": prior.weighing,
                    "bits": prior.nats / math.log(2.0),
                }
                for name, sigma, prior in zip(
                    subject.architecture.layer_names, noise.sigmas, noise.priors, strict=True
                )
            ],
        },
        "assumed": [
            *ASSUMED,
            *([ASSUMED_OF_OWN] if subject.is_own else []),
            *([ASSUMED_OF_TOP] if report.top > 1 else []),
        ],
    }


def lines_of(facts: dict[str, Any]) -> list[str]:
    """For people: the row of Zhou et al. 2018, Table 2, its Table 3, each bound, and what was paid and assumed."""
    noise = facts["noise"]
    best = min(facts["bounds"], key=lambda bound: bound["value"])
    top = "" if facts["top"] == 1 else f" (top {facts['top']})"
    lines = [
        f"{facts['file']}: {facts['net']}, {facts['errors']:,} of {facts['n']:,} training examples wrong{top}; "
        f"with {facts['confidence']:.4g} confidence, the {best['classifier']} errs on at most {best['value']:.2%} "
        "of new ones",
        "",
    ]
    lines += table(
        [
            ["original", "compressed", "equal length", "robustness", "effective", "error bound"],
            [
                f"{facts['original_bytes']:,}",
                f"{facts['compressed_bytes']:,}",
                f"{facts['equal_length_bytes']:,}",
                f"{-facts['robustness_bytes']:,.0f}",
                f"{facts['effective_bytes']:,.0f}",
                f"{facts['bound']:.2%}",
            ],
        ]
    )
    lines += ["", *_layers(facts["layers"]), ""]
    lines += table(
        [
            ["bound", "of the", "training error", "bytes paid", "at most"],
            *(
                [
                    bound["name"],
                    bound["classifier"],
                    f"{bound['training_error']:.2%}",
                    f"{bound['divergence_bits'] / 8:,.0f}",
                    f"{bound['value']:.2%}",
                ]
                for bound in facts["bounds"]
            ),
        ]
    )
    paid = ", ".join(f"{part['what']} {part['bits']:,.1f}" for part in facts["paid"])
    layers = ", ".join(
        "none" if layer["deviation"] is None else f"{layer['deviation']:.3g}" for layer in noise["layers"]
    )
    lines += [
        "",
        f"paid, in bits: {paid}",
        f"noise: deviations {layers}; {noise['errors']:,} errors in {noise['trials']:,} trials",
        *(f"assumed: {text}" for text in facts["assumed"]),
    ]
    return lines


def _layers(rows: list[dict[str, Any]]) -> list[str]:
    """Zhou et al. 2018, Table 3; bytes are ideal, within the section."""
    head = ["layer", "shape", "elements", "non-zeros", "share", "bytes", "equal length", "smoothing"]
    return table(
        [
            head,
            *(
                [
                    row["name"],
                    "-" if row["shape"] is None else "x".join(map(str, row["shape"])),
                    f"{row['elements']:,}",
                    f"{row['nonzeros']:,}",
                    f"{row['share']:.2%}",
                    f"{row['bytes']:,.1f}",
                    f"{row['equal_length_bytes']:,.1f}",
                    f"{row['smoothing_bytes']:,.1f}",
                ]
                for row in rows
            ),
        ]
    )
