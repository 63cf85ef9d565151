"""Words: a picture in sentences, for people who do not see it and for those who want to be sure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def summary(numbers: Mapping[str, Any], what: str) -> str:
    """Step, reach, D's opinion and health of a frame; `what`: the modes of the data, such as "Gaussians"."""
    parts = [f"Step {numbers['step']:,}.", reach(numbers.get("reach"), what)]
    readings = numbers["readings"]
    if "d_real" in readings and "d_fake" in readings:
        kind = (numbers.get("heat") or {}).get("kind", "score")
        parts.append(f"D's mean {kind}: {readings['d_real']:.2f} for real points, {readings['d_fake']:.2f} for "
                     "generated ones.")  # fmt: skip
    parts.append(f"Health: {numbers['active'][-1]}" if numbers["active"] else "Health: nothing unusual.")
    return " ".join(part for part in parts if part)


def reach(found: Mapping[str, Any] | None, what: str) -> str:
    """How much of the data is reached, in a sentence."""
    if found is None:
        return "The generated points are not finite."
    if "of" in found:
        return f"G reaches {found['found']} of {found['of']} {what}; {found['good']:.0%} of its points are good."
    return f"{found['good']:.0%} of the points lie on the drawing, and {found['share']:.0%} of it is reached."
