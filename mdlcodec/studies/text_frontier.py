"""Networks over bytes by several methods at several strengths, each with the text in a file.

Figure 2 of Barth & von Petersenn 2025 with the bytes of decoded files on its axes. Each trains on one thread, so
that the files are the same for any number of processes.
"""

from __future__ import annotations

import lzma
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mdlcodec.errors import BadData
from mdlcodec.files.temporary import temporary_folder
from mdlcodec.report.text_frontier_table import UNREGULARISED, TextFrontierRow, TextFrontierTable
from mdlcodec.studies.frontier import STRENGTHS, strengths_of
from mdlcodec.studies.probing import Told
from mdlcodec.studies.trained_files import FilePoint, TrainedFiles, processes

_DATA = "text"
_PREQUENTIAL = "prequential"
_CROSS_BITS = 6  # of the codebooks of networks without regularisation


def text_frontier(
    text: bytes,
    *,
    net: str = "auto",
    sparsify: Sequence[str] = ("drr", "rl1", "entropy"),
    strengths: Mapping[str, Sequence[float]] | None = None,
    rho: Sequence[float] = (0.0,),
    unregularised: Sequence[str] | None = None,
    prequential: int | None = None,
    seeds: int = 1,
    preset: int | None = None,
    folder: str | os.PathLike[str] | None = None,
    jobs: int | None = None,
    progress: Told | None = None,
) -> TextFrontierTable:
    """A file of the two-part code for each method, strength, rho and seed.

    text: bytes. net: over bytes, as `mdlcodec.encode_text` takes it with the two-part code; sparsify, strengths,
    rho, seeds, folder, jobs, progress: as of `mdlcodec.studies.frontier`; unregularised: networks that are trained
    without a penalty and written with codebooks of 64 values, by default ``net`` alone; prequential: the preset of
    a file of the prequential code of a transformer or an lstm, as ``net`` is one, None for none. Raises BadData
    for what cannot be studied, before anything is trained, and MdlcodecError for a folder of another study.
    """
    from mdlcodec.codes.text import text_code_named
    from mdlcodec.files.text import DEFAULT_TEXT_PRESET

    preset = DEFAULT_TEXT_PRESET if preset is None else preset
    if not text:
        raise BadData("an empty text has nothing to study")
    net = str(text_code_named("two-part", net).net)
    crosses = (net,) if unregularised is None else tuple(unregularised)
    if len(set(crosses)) < len(crosses):
        raise BadData("a network without regularisation is there twice; give each once")
    for name in crosses:
        text_code_named("two-part", name)
    points = _points(net, sparsify, strengths or {}, rho, seeds, preset, crosses)
    if prequential is not None:
        kind = net.partition("-")[0]
        text_code_named(_PREQUENTIAL, kind)
        task = {"code": _PREQUENTIAL, "net": kind, "preset": prequential, "options": {}}
        points.append((None, FilePoint(f"{_PREQUENTIAL}-{kind}-{prequential}", _DATA, 0, task, {})))
    most = processes(jobs)
    with temporary_folder() as beside:
        files = TrainedFiles("text frontier", "texts", beside if folder is None else Path(folder), beside)
        files.hold_text(_DATA, text)
        records = files.records([file for _, file in points], most, progress)
    rows = [_row(facts, records[file.name], len(text)) for facts, file in points if facts is not None]
    learned = next((records[file.name]["bytes"] for facts, file in points if facts is None), None)
    xz = len(lzma.compress(text, preset=9 | lzma.PRESET_EXTREME))
    return TextFrontierTable(tuple(rows), len(text), xz, learned)


def _points(
    net: str,
    sparsify: Sequence[str],
    strengths: Mapping[str, Sequence[float]],
    rho: Sequence[float],
    seeds: int,
    preset: int,
    crosses: Sequence[str],
) -> list[tuple[dict[str, Any] | None, FilePoint]]:
    """Of each file what its row says before it is made, and what it takes to make it."""
    from mdlcodec.sender.sparsify import SPARSIFIERS, Choices, check_choices

    if seeds < 1:
        raise BadData(f"seeds is {seeds}; give how many, 1 or more")
    if not rho or len(set(rho)) < len(rho):
        raise BadData("rho is made of different numbers, one or more")
    points: list[tuple[dict[str, Any] | None, FilePoint]] = []

    def add(name: str, facts: dict[str, Any], options: dict[str, Any]) -> None:
        task = {"code": "two-part", "net": facts["net"], "preset": preset, "options": options}
        points.append((facts, FilePoint(name, _DATA, facts["seed"], task, {})))

    for method, ones in strengths_of(sparsify, strengths, STRENGTHS).items():
        check_choices(method, Choices(), text=True)
        for strength in ones:
            for factor in rho if "rho" in SPARSIFIERS[method].takes else (0.0,):
                check_choices(method, Choices(strength=strength, rho=factor or None))
                options: dict[str, Any] = {"sparsify": method, "strength": strength}
                options |= {"rho": factor} if factor else {}
                for seed in range(seeds):
                    of_rho = f"-rho{factor:g}" if factor else ""
                    facts = {"method": method, "net": net, "strength": strength, "rho": factor, "seed": seed}
                    add(f"{method}-{strength:.6g}{of_rho}-{seed}", facts, options)
    for cross in crosses:
        facts = {"method": UNREGULARISED, "net": cross, "strength": None, "rho": 0.0, "seed": 0}
        options = {"sparsify": "after-fit", "strength": 0.0, "tamade": 0.0, "bits": _CROSS_BITS}
        add(f"{UNREGULARISED}-{cross}", facts, options)
    return points


def _row(facts: Mapping[str, Any], record: Mapping[str, Any], length: int) -> TextFrontierRow:
    measured = {name: record[name] for name in TextFrontierRow.MEASURED}
    return TextFrontierRow(**facts, **measured, loss=record["ideal_bits"] / length)
