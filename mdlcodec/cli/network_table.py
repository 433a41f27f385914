"""The table of a network's tensors, as in Zhou et al. 2018, Table 3."""

from __future__ import annotations

from typing import Any

_HEAD = ["layer", "type", "shape", "elements", "non-zeros", "positions", "values", "codebook", "tools"]
EXPLANATION = "positions, values, codebook: ideal bytes of the coder, which writes all tensors as one stream"


def network_rows(facts: dict[str, Any]) -> list[list[str]]:
    """Head and rows for terminal.table; ``facts``: as networks.inspect gives them."""
    rows = [_HEAD]
    for part in facts["tensors"]:
        rows.append(
            [
                part["name"],
                part["dtype"],
                "x".join(map(str, part["shape"])) or "-",
                f"{part['elements']}",
                f"{part['nonzeros']}",
                *(f"{part[name] / 8:.1f}" for name in ("positions_bits", "values_bits", "codebook_bits")),
                f"{part['positions_tool']}, {part['values_tool']}",
            ]
        )
    totals = [
        f"{sum(part[name] for part in facts['tensors']) / 8:.1f}"
        for name in ("positions_bits", "values_bits", "codebook_bits")
    ]
    rows.append(["all", "", "", f"{facts['elements']}", f"{facts['nonzeros']}", *totals, ""])
    return rows
