"""Signs: how what can be wrong with a run shows at a log point.

A sign is a function of one log point (its numbers and its vitals together), of what is usual for the run, and of the
facts about the two players: None where what it needs was not measured or means nothing for this objective, "" where
all is well, else a sentence with the measured numbers. The limits lie well outside of what the ordinary runs of all
objectives show.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from minigan.watch.facts import Facts

Point: TypeAlias = Mapping[str, Any]
Levels: TypeAlias = Mapping[str, float]  # medians of the first log points, by the name of the vital

TINY = 1e-8  # the ε that Adam and RMSProp add to the size of a gradient: the steps of smaller ones shrink with them
ROUNDED = 17.0  # logits beyond which a probability is 0 or 1 in float32: e^-17 < 2^-24
STILL = 1e-6  # weights that change by less of their size per step take a million steps to become others


def collapsed(v: Point, levels: Levels, facts: Facts) -> str | None:
    """A class is missing below 5 % of its fair share, as `metrics.modes` and `Mixture.coverage` count."""
    G = facts.G
    if "counts" not in v or not facts.classes:
        return None
    K, most = len(facts.classes), max(range(len(facts.classes)), key=v["counts"].__getitem__)
    missing = [name for name, n in zip(facts.classes, v["counts"], strict=True) if 20 * K * n < v["of"]]
    if len(missing) == K:
        return f"Mode collapse: {G} generates none of the {K} {facts.kind}."
    if missing:
        share = f"{v['counts'][most] / v['of']:.0%} of its samples are {facts.classes[most]}"
        some = f"{G} generates {K - len(missing)} of {K} {facts.kind}"
        return f"Mode collapse: {some}; missing: {_listed(missing)}; {share}."
    return ""


def saturated(v: Point, levels: Levels, facts: Facts) -> str | None:
    """Ordinary runs stay below 99 % of the pairs for long, and above a pull of 0.2."""
    D, G = facts.D, facts.G
    if "ranked" not in v:
        return None
    if v["ranked"] < 0.99 or v["pull"] > 0.05:
        return ""
    return (
        f"{D} separates real and generated samples too well: it scores {v['ranked']:.1%} of the real ones higher, and "
        f"the gradient of the generated ones is only {v['pull']:.1%} of what it would be if they were taken for real. "
        f"{D} hardly learns any more, and {G} learns little from it."
    )


def vanishing(v: Point, levels: Levels, facts: Facts) -> str | None:
    D, G = facts.D, facts.G
    if "g_gradient" not in v or v["g_gradient"] == 0:
        return None
    if v.get("slope", 1.0) < 0.01:
        return (
            f"{G}'s gradient vanishes: at {D}'s scores of generated samples {G}'s loss is only {v['slope']:.1%} as "
            f"steep as at those of real ones ({G}'s gradient {v['g_gradient']:.1e})."
        )
    if v["g_gradient"] < TINY:
        return f"{G}'s gradient vanishes: {v['g_gradient']:.1e} is below the ε of the optimizers, {TINY:g}."
    usual = levels.get("g_gradient", 0.0)
    if v["g_gradient"] < 1e-3 * usual:
        return f"{G}'s gradient vanishes: {v['g_gradient']:.1e}, after {usual:.1e} at the start of the run."
    return ""


def frozen(v: Point, levels: Levels, facts: Facts) -> str | None:
    G = facts.G
    if "g_moved" not in v:
        return None
    if v["g_moved"] >= STILL:
        return ""
    why = "its gradient is exactly zero" if v["g_gradient"] == 0 else f"its gradient is {v['g_gradient']:.1e}"
    return f"{G} does not move: a step changes its weights by {v['g_moved']:.1e} of their size; {why}."


def exploding(v: Point, levels: Levels, facts: Facts) -> str | None:
    """Gradients of ordinary runs grow up to a hundredfold from their start."""
    D = facts.D
    for player, key in ((facts.D, "d_gradient"), (facts.G, "g_gradient")):
        now, usual = v.get(key), levels.get(key, 0.0)
        if now is not None and now > 1e3 * usual > 0:
            return f"{player}'s gradients explode: {now:.1e}, after {usual:.1e} at the start of the run."
    if "size" not in v:
        return "" if "d_gradient" in v else None
    if facts.logit and v["size"] > ROUNDED:
        return (
            f"{D}'s logits explode: they are {v['size']:.3g} in size, and from {ROUNDED:g} on a probability is 0 or 1."
        )
    grown = v["size"] > levels.get("size", 0.0)  # a critic may begin with wild scores and calm down
    if not facts.logit and grown and abs(v["estimate"]) > 10 * facts.reach:
        return (
            f"The critic's scores explode: real and generated samples are {v['estimate']:.3g} apart by its estimate, "
            f"where no two samples are farther apart than about {facts.reach:.3g}."
        )
    return ""


def restless(v: Point, levels: Levels, facts: Facts) -> str | None:
    if "d_moved" not in v and "g_moved" not in v:
        return None
    for player, key in ((facts.D, "d_moved"), (facts.G, "g_moved")):
        moved = v.get(key, 0.0)
        if moved > 0.15:
            return f"{player} moves too far: one step changes its weights by {moved:.0%} of their size."
    return ""


def outrun(v: Point, levels: Levels, facts: Facts) -> str | None:
    """Ordinary players differ by a factor of 3; clipped weights are small, and their changes large beside them."""
    D, G = facts.D, facts.G
    if "d_moved" not in v or "g_moved" not in v or facts.clip is not None:
        return None
    d, g = v["d_moved"], v["g_moved"]
    if g < STILL or d < 10 * g:
        return ""
    return (
        f"{D} learns much faster than {G}: one step changes {D}'s weights by {d:.1%} of their size, {G}'s by {g:.2%}."
    )


def dead(v: Point, levels: Levels, facts: Facts) -> str | None:
    """Up to 60 % of the units of a narrow ReLU network without normalisation rest in ordinary runs."""
    G = facts.G
    if "probed" not in v:
        return None
    for name, share in v.get("idle", {}).items():
        if share > 0.95:
            return f"Layer {_place(name)} is dead: {share:.0%} of its ReLU units fire for no sample."
    if v.get("slope_of_tanh", 1.0) < 1e-3:
        return (
            f"{G}'s tanh is saturated: nearly all of its outputs are at -1 or 1, with a mean slope of "
            f"{v['slope_of_tanh']:.1e}."
        )
    return ""


def bent_nowhere(v: Point, levels: Levels, facts: Facts) -> str | None:
    """Up to 90 % of the units do not bend anything in ordinary critics without batch normalisation."""
    if "probed" not in v:
        return None
    flat = [_place(name) for name, share in v.get("linear", {}).items() if share == 1]
    return f"Layer {_listed(flat)} bends nothing: all of its LeakyReLU units stay on one side." if flat else ""


def still(v: Point, levels: Levels, facts: Facts) -> str | None:
    if "g_gradient" not in v:
        return None
    still = v.get("still", [])
    return f"No gradient reaches {_listed([_place(name) for name in still])}: it is exactly zero." if still else ""


def at_bounds(v: Point, levels: Levels, facts: Facts) -> str | None:
    """Ordinary clipped critics have 1 to 45 % of their weights there."""
    D = facts.D
    if "bounded" not in v or facts.clip is None:
        return None
    if v["bounded"] < 0.9:
        return ""
    return (
        f"{v['bounded']:.0%} of {D}'s weights lie at the bounds {_range(facts)}: clipping leaves {D} hardly a choice."
    )


def unbounded(v: Point, levels: Levels, facts: Facts) -> str | None:
    D = facts.D
    if "bounded" not in v or facts.clip is None:
        return None
    if v["bounded"] > 0:
        return ""
    scores = f" Its scores are {v['size']:.3g} in size." if "size" in v else ""
    return f"Clipping does nothing: none of {D}'s weights reaches the bounds {_range(facts)}.{scores}"


def _range(facts: Facts) -> str:
    low, high = facts.clip or (0.0, 0.0)
    return f"{low:g} and {high:g}"


def _place(name: str) -> str:
    """ "G 3" as people say it: 3 of G."""
    player, _, rest = name.partition(" ")
    return f"{rest} of {player}"


def _listed(names: list[str]) -> str:
    """At most ten of them."""
    shown = names if len(names) <= 10 else [*names[:9], f"{len(names) - 9} more"]
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"
