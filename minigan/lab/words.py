"""Words: a picture in sentences, for people who do not see it and for those who want to be sure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def summary(numbers: Mapping[str, Any], what: str) -> str:
    """Step, reach, D's opinion and health of a frame; `what`: the modes of the data, such as "Gaussians"."""
    parts = [f"Step {numbers['step']:,}.", reach(numbers.get("reach"), what)]
    readings = numbers["readings"]
    if numbers.get("heat") is not None and {"d_real", "d_fake"} <= readings.keys():
        real, fake = readings["d_real"], readings["d_fake"]
        parts.append(f"D's mean {numbers['heat']['kind']}: {real:.2f} for real points, {fake:.2f} for generated ones.")
    parts.append(f"Health: {numbers['active'][-1]}" if numbers["active"] else "Health: nothing unusual.")
    return " ".join(part for part in parts if part)


def reach(reached: Mapping[str, Any] | None, what: str) -> str:
    """How much of the data is reached, in a sentence."""
    if reached is None:
        return "The generated points are not finite."
    if "of" in reached:
        return f"G reaches {reached['found']} of {reached['of']} {what}; {reached['good']:.0%} of its points are good."
    return f"{reached['good']:.0%} of the points lie on the drawing, and {reached['share']:.0%} of it is reached."


def units(vitals: Mapping[str, Any], probed: Mapping[str, Any]) -> str:
    """Sentences about the networks at the last log point; `probed` is the last point that measured their units."""
    moved = [f"{name.upper()} by {vitals[f'{name}_moved']:.2%}" for name in "dg" if f"{name}_moved" in vitals]
    parts = [f"The last measured update moved {' and '.join(moved)} of their size."] if moved else []
    idle = [f"{share:.0%} of {name}" for name, share in {**probed.get("idle", {}), **probed.get("linear", {})}.items()]
    if idle:
        parts.append(f"Units that are always on one side of zero: {', '.join(idle)}.")
    return " ".join(parts)
