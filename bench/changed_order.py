"""Does the second decoder notice when the package computes in another order?

    python bench/changed_order.py [WORD ..]     all changes, or those whose names hold one of the words

For each change the package is copied, one order of operations in the copy is changed, the copy codes golden cases
again, and formats/decoder/ reads what it wrote: it notices if it cannot, or if labels, or hashes of what they are
coded under (tests/score_digests.py), are others. All of them write bench/results/changed_order.md.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
TESTS, RESULTS = ROOT / "tests", ROOT / "bench" / "results" / "changed_order.md"


@dataclass(frozen=True)
class Change:
    """What is said of it, the file, texts that are replaced by others, and the golden cases that it concerns."""

    said: str
    file: str
    replaced: tuple[tuple[str, str], ...]
    cases: tuple[str, ...]


KERNEL, NETWORKS = ("long: kernel",), ("long: two-part",)
# changes of a group are made in one copy: none concerns the cases of another
GROUPS = (
    (
        Change(
            "kernel: a distance from the right",
            "exact/cholesky.py",
            (
                (
                    "(squares[i] + squares[j]) + 2.0 * packed[start + j]",
                    "squares[i] + (squares[j] + 2.0 * packed[start + j])",
                ),
            ),
            KERNEL,
        ),
        Change(
            "warps: the elastic grid along columns first",
            "predictors/warps.py",
            (
                (
                    "* (1.0 - x) + np.float64(grid[top, left + 1]) * x",
                    "* (1.0 - y) + np.float64(grid[top + 1, left]) * y",
                ),
                (
                    "np.float64(grid[top + 1, left]) * (1.0 - x) + np.float64(grid[top + 1, left + 1]) * x",
                    "np.float64(grid[top, left + 1]) * (1.0 - y) + np.float64(grid[top + 1, left + 1]) * y",
                ),
                ("upper * (1.0 - y) + lower * y", "upper * (1.0 - x) + lower * x"),
            ),
            ("long: cnn",),
        ),
        Change(
            "encoding: the reciprocal of a bin's width",
            "predictors/encoding.py",
            (
                (
                    "(wide[:, None] - low[None, :]) / (high - low)[None, :]",
                    "(wide[:, None] - low[None, :]) * (1.0 / (high - low))[None, :]",
                ),
            ),
            ("long: mlp",),
        ),
        Change(
            "normalisation: the mean's product taken off afterwards",
            "exact/normalisation.py",
            (
                (
                    "(np.float64(part[i]) - means[i]) * factors[i] + biases[i]",
                    "np.float64(part[i]) * factors[i] + (biases[i] - means[i] * factors[i])",
                ),
            ),
            ("long: two-part, resnet20",),
        ),
        Change(
            "subspace: the gain and then the step",
            "descriptions/subspace/affine.py",
            (("moved * (self.gains * step)", "(moved * self.gains) * step"),),
            ("long: subspace",),
        ),
    ),
    (
        Change(
            "kernel: products of vectors, and of the factor, from the last to the first",
            "exact/cholesky.py",
            (
                (
                    "            for k in range(k0, k1):\n                start = starts[k] + i0 + r",
                    "            for k in range(k1 - 1, k0 - 1, -1):\n                start = starts[k] + i0 + r",
                ),
            ),
            KERNEL,
        ),
        Change(
            "Adam: the decay after the update",
            "exact/optimisers.py",
            (
                (
                    "        w = weights[i] - decay * weights[i]\n"
                    "        weights[i] = w - rate * m / (np.sqrt(v * correction) + epsilon)\n",
                    "        w = weights[i] - rate * m / (np.sqrt(v * correction) + epsilon)\n"
                    "        weights[i] = w - decay * w\n",
                ),
            ),
            ("long: mlp",),
        ),
        Change(
            "average of a map: places from the last to the first",
            "exact/pooling.py",
            (
                (
                    "                for dh in range(kernel_h):\n                    for dw in range(kernel_w):\n"
                    "                        for c in range(channels):\n                            total[c] +=",
                    "                for dh in range(kernel_h - 1, -1, -1):\n"
                    "                    for dw in range(kernel_w - 1, -1, -1):\n"
                    "                        for c in range(channels):\n                            total[c] +=",
                ),
            ),
            ("long: two-part, resnet20",),
        ),
    ),
    (
        Change(
            "kernel: the regression's products from the last to the first",
            "predictors/kernel.py",
            (("        for j in range(first, stop):", "        for j in range(stop - 1, first - 1, -1):"),),
            KERNEL,
        ),
        Change(
            "kernel regression: the mean from the other side",
            "predictors/kernel_regression.py",
            (("projections[s, 0] + mean * left", "mean + (projections[s, 0] - mean * projections[s, 1])"),),
            ("reals: kernel",),
        ),
        Change(
            "cross-entropy: divided by the batch before the difference",
            "exact/loss.py",
            (
                (
                    "np.float32((row[c] - target) / np.float64(batch))",
                    "np.float32(row[c] / np.float64(batch) - target / np.float64(batch))",
                ),
            ),
            ("long: cnn",),
        ),
    ),
    (
        Change(
            "mixture: a weight times the normalisation before the probability",
            "mixing/switch_distribution.py",
            (("weights[j] * experts[j, label] * keep", "weights[j] * keep * experts[j, label]"),),
            KERNEL,
        ),
        Change(
            "real numbers: weights of the second pool as another product",
            "mixing/real_mixture.py",
            (("weight = weight * weight * weight", "weight = weight * (weight * weight)"),),
            ("reals: kernel",),
        ),
        Change(
            "Adam: the quotient before the product with the rate",
            "exact/optimisers.py",
            (
                (
                    "w - rate * m / (np.sqrt(v * correction) + epsilon)",
                    "w - rate * (m / (np.sqrt(v * correction) + epsilon))",
                ),
            ),
            ("long: cnn",),
        ),
        Change(
            "network section: the rate of a mixture after its bit was counted",
            "mixing/logistic.py",
            (
                (
                    "    rate = mixture.rates[0] + mixture.rates[1] * 1024 // (1024 + mixture.steps[0])\n"
                    "    mixture.steps[0] += 1\n",
                    "    mixture.steps[0] += 1\n"
                    "    rate = mixture.rates[0] + mixture.rates[1] * 1024 // (1024 + mixture.steps[0])\n",
                ),
            ),
            ("network_views: orders",),
        ),
    ),
    (
        Change(
            "mixture: experts added from the last to the first",
            "mixing/switch_distribution.py",
            (
                (
                    "    for j in range(weights.size):\n        for c",
                    "    for j in range(weights.size - 1, -1, -1):\n        for c",
                ),
            ),
            KERNEL,
        ),
        Change(
            "real numbers: the part below a node's middle, experts from the last to the first",
            "mixing/real_mixture.py",
            (
                (
                    "            for j in range(experts):\n                zm[j]",
                    "            for j in range(experts - 1, -1, -1):\n                zm[j]",
                ),
            ),
            ("reals: kernel",),
        ),
        Change(
            "average of weights: two products, then their sum",
            "exact/optimisers.py",
            (
                (
                    "average[i] + (weights[i] - average[i]) * rate",
                    "average[i] * (np.float32(1) - rate) + weights[i] * rate",
                ),
            ),
            ("long: mlp",),
        ),
    ),
    (
        Change(
            "mixture: softmax denominators added from the last class to the first",
            "mixing/switch_distribution.py",
            (
                (
                    "            for c in range(k):\n                experts[row, c] = exp(",
                    "            for c in range(k - 1, -1, -1):\n                experts[row, c] = exp(",
                ),
            ),
            KERNEL,
        ),
        Change(
            "mean of score sets from the last to the first",
            "mixing/pools.py",
            (("        for e in range(members):", "        for e in range(members - 1, -1, -1):"),),
            ("long: mlp of several",),
        ),
    ),
    (
        Change(
            "exp: one subtraction of k ln 2",
            "exact/elementary.py",
            (("(x - k * LN2_HIGH) - k * LN2_LOW", "x - (k * LN2_HIGH + k * LN2_LOW)"),),
            KERNEL,
        ),
    ),
    (
        Change(
            "log: both parts of k ln 2 first",
            "exact/elementary.py",
            (
                (
                    "np.float64(k) * LN2_HIGH + (np.float64(k) * LN2_LOW + (2.0 * s + 2.0 * tail))",
                    "(np.float64(k) * LN2_HIGH + np.float64(k) * LN2_LOW) + (2.0 * s + 2.0 * tail)",
                ),
            ),
            KERNEL,
        ),
    ),
    (
        Change(
            "pools of double weight: quotients before the sum",
            "mixing/pools.py",
            (
                (
                    "(pools[1, c] + logs[p, c]) / np.float64(predictors + 1)",
                    "pools[1, c] / np.float64(predictors + 1) + logs[p, c] / np.float64(predictors + 1)",
                ),
            ),
            ("long: switching of images",),
        ),
    ),
    (
        Change(
            "frequencies: the product before the quotient",
            "entropy/frequencies.py",
            (("int(p[i] / total * scale)", "int(p[i] * scale / total)"),),
            KERNEL,
        ),
    ),
)


def write(folder: Path, names: list[str]) -> None:
    """Codes cases with whatever package is on the path: their files, labels and hashes of scores."""
    import long_cases
    import network_view_cases
    import numpy as np
    import real_cases
    import score_digests
    from label_sets import first_examples

    digests = {}
    for name in names:
        kind, _, case_name = name.partition(": ")
        if kind == "network_views":
            (folder / name).write_bytes(network_view_cases.section(case_name))
            continue
        if kind == "reals":
            case = real_cases.CASES[case_name]
            blob, y = real_cases.encoded(case), case.y
            digests[name] = score_digests.of_reals(blob, case.x, y)[0]
        else:
            case = long_cases.CASES[case_name]()
            with first_examples(getattr(case, "few", None)):
                blob, y = case.encoded(), case.y
                if isinstance(case, long_cases.Transmitted):
                    digests[name] = score_digests.of_network(blob, case.x)
                else:
                    digests[name] = score_digests.of_learner(blob, case.x, y)[0]
        (folder / name).write_bytes(blob)
        np.save(folder / f"{name}.npy", y)
    (folder / "digests.json").write_text(json.dumps(digests))


def noticed(folder: Path, name: str) -> list[str]:
    """By what the second decoder notices that a case was coded in another order: it reads or writes other bytes, or
    has other digests."""
    import numpy as np
    import test_second_decoder as second

    blob, (kind, _, case_name) = (folder / name).read_bytes(), name.partition(": ")
    if kind == "network_views":
        wanted = [chosen.tensor.patterns.tobytes() for chosen in second.network_view_cases.CASES[case_name]()]
        try:
            read = [x.tobytes() for _, _, x in second.decode_network(blob)]
        except second.Damaged:
            read = []
        return [] if read == wanted else ["bytes"]
    y, file = np.load(folder / f"{name}.npy"), second.parse(blob)
    digests = json.loads((folder / "digests.json").read_text())[name]
    if kind == "reals":
        case = second.real_cases.CASES[case_name]
        again, ours = second.reals_digests(blob, case)
    else:
        case = second.long_cases.CASES[case_name]()
        if isinstance(case, second.long_cases.Transmitted):
            again, ours = file.payload, second.network_digests(blob, case.x)
        else:
            _, again, ours = second.learned(blob, case, y)
    seen = [what for what, digest in digests.items() if digest != ours[what]]
    return seen if again == file.payload else ["bytes", *seen]


def tried(group: tuple[Change, ...]) -> dict[str, tuple[bool, list[str]]]:
    """By case: whether what the changed package writes or hashes is not as in the golden files; what noticed it."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        shutil.copytree(ROOT / "mdlcodec", folder / "mdlcodec", ignore=shutil.ignore_patterns("__pycache__"))
        for change in group:
            path = folder / "mdlcodec" / change.file
            text = path.read_text()
            for old, new in change.replaced:
                if old not in text:
                    raise SystemExit(f"{change.file} has no {old!r} any more: this row would show nothing")
                text = text.replace(old, new)
            path.write_text(text)
        (folder / "written").mkdir()
        environment = os.environ | {
            "PYTHONPATH": os.pathsep.join(map(str, (folder, TESTS, Path(__file__).parent))),
            "NUMBA_CACHE_DIR": str(folder / "compiled"),
        }
        code = (
            "import sys, pathlib, mdlcodec, changed_order\n"
            f"assert mdlcodec.__file__.startswith({made!r})\n"
            "changed_order.write(pathlib.Path(sys.argv[1]), sys.argv[2:])\n"
        )
        names = [name for change in group for name in change.cases]
        command = [sys.executable, "-P", "-c", code, str(folder / "written"), *names]
        subprocess.run(command, env=environment, check=True)
        written = folder / "written"
        return {name: (_differs(written, name), noticed(written, name)) for name in names}


def _differs(folder: Path, name: str) -> bool:
    """Whether a case's file or digests are not the golden ones."""
    kind, _, case_name = name.partition(": ")
    good = TESTS / "golden" / "good" / kind
    if kind == "network_views":
        return (good / f"{case_name}.section").read_bytes() != (folder / name).read_bytes()
    digests = json.loads((folder / "digests.json").read_text())[name]
    known = {what: json.loads((good / f"{what}.json").read_text())[case_name] for what in digests}
    return digests != known or (good / f"{case_name}.mdl").read_bytes() != (folder / name).read_bytes()


def main() -> int:
    """Tries the groups with a change whose words hold one of the arguments, or all, and writes the table of all; 1
    if bits changed that nothing noticed."""
    sys.path.insert(0, str(TESTS))
    from machine import processor

    words = sys.argv[1:]
    chosen = [g for g in GROUPS if not words or any(word in c.said for word in words for c in g)]
    lines = ["# Changed orders", "", f"{processor()}; {__doc__.splitlines()[0]}", ""]
    lines += [
        "| change in a copy of the package | file | what is written or computed | noticed by |",
        "|---|---|---|---|",
    ]
    total = unnoticed = 0
    for group in chosen:
        seen = tried(group)
        for change in group:
            by = "; ".join(f"{name} ({', '.join(seen[name][1])})" for name in change.cases if seen[name][1])
            differs = any(seen[name][0] for name in change.cases)
            total, unnoticed = total + differs, unnoticed + (differs and not by)
            bits = "other" if differs else "the same"
            lines.append(f"| {change.said} | `{change.file}` | {bits} | {by or '**nothing**'} |")
            print(lines[-1], flush=True)
    lines += [
        "",
        f"Of {total} changes that changed a bit of a file or of a hash, {total - unnoticed} were noticed.",
    ]
    if not words:
        RESULTS.write_text("\n".join(lines) + "\n")
    return 1 if unnoticed else 0


if __name__ == "__main__":
    sys.exit(main())
