"""What the generator of a checkpoint paints: new samples, and the way from one noise to another."""

from __future__ import annotations

import numpy as np

from minigan import plots
from minigan.data import Mixture
from minigan.device import to_host
from minigan.html import Html, element, figure, joined, paragraphs, photograph_uri, picture_uri
from minigan.report.chart import Axes
from minigan.report.loaded import Evidence

SHOWN = 64
POINTS = 2000
ENDS, STEPS = 5, 9  # the walk goes from each of five z to the next, in nine pictures
FINE = 60  # points of a way in the plane
FORMULA = "z(t) = r(t) ( sin((1 − t) Ω) â + sin(t Ω) b̂ ) / sin Ω,  cos Ω = â·b̂,  r(t) = (1 − t) |a| + t |b|"
MANY = 600_000  # numbers from which a picture is kept as a JPEG
SIZE = 400  # units of the plane's picture


def samples(evidence: Evidence, images: np.ndarray | None) -> Html:
    """New samples, of a noise that no picture above has shown."""
    painter = evidence.painter
    if painter is None or images is None:
        return paragraphs(f"Nothing can be painted: {evidence.missing.get('painter', 'there is no generator')}.")
    which = "best" if evidence.best else "newest"
    told = f"Painted from the {which} checkpoint, of step {painter.step:,}, with new noise; nothing was picked out."
    also = f"A remark: {evidence.missing['painter']}." if "painter" in evidence.missing else ""
    if images.ndim == 4:
        picture, what = plots.grid(images[:SHOWN], scale=1), f"{min(SHOWN, len(images))} samples"
    else:
        real = None if evidence.dataset is None else evidence.dataset.images[:POINTS]
        picture = plots.density_frame(images, real=real)
        what = f"The density of {len(images):,} points; outlined, that of the data"
    return joined([paragraphs(told, also), _large(picture, what, what)])


def walk(evidence: Evidence) -> Html:
    """From one z to the next on a great circle, as G paints it."""
    painter = evidence.painter
    if painter is None:
        return paragraphs(f"There is no generator to walk with: {evidence.missing.get('painter', 'none was saved')}.")
    state = painter.state
    ends = to_host(state.noise(ENDS, state.streams.at("walk", 0)))
    asarray = state.device.asarray
    told = (
        "Each row goes from one noise to another; the next row begins where it ends. A generator that has learnt "
        "rather than stored changes one thing into another by way of plausible ones."
    )
    if len(state.model.sample_shape) == 3:
        shown = state.sample(asarray(np.concatenate([slerp(a, b, STEPS) for a, b in _pairs(ends)])))
        picture = plots.grid(shown, columns=STEPS, scale=1)
        alt = f"{ENDS} rows of {STEPS} samples, each row a way from one noise to another"
        seen = _large(picture, alt, "from left to right t goes from 0 to 1")
    else:
        told = "G maps each way from one noise to another to a line of the plane; it must cross what holds no data."
        seen = _plane(evidence, [state.sample(asarray(slerp(a, b, FINE))) for a, b in _pairs(ends)])
    circle = "Its direction turns on a great circle (spherical interpolation; Shoemake 1985, White 2016; â = a / |a|): "
    why = "in many dimensions nearly all noise lies near one sphere, and a straight line would leave it."
    return joined([paragraphs(told), element("p", FORMULA, class_="formula"), paragraphs(circle + why), seen])


def slerp(a: np.ndarray, b: np.ndarray, n: int) -> np.ndarray:
    """n noises (n, d) from a to b (d,), both ends included: directions on a great circle, lengths in equal steps.

        z(t) = r(t) ( sin((1 - t) Ω) â + sin(t Ω) b̂ ) / sin Ω,   cos Ω = â·b̂,   r(t) = (1 - t) |a| + t |b|

    with â = a / |a| and t = 0 ... 1. Without r the way between noises that are nearly opposite would be far longer
    than either. Noises of one direction, or exactly opposite ones, have no single such circle: the way is straight.
    Source: Shoemake 1985; for latent spaces White 2016 (arXiv 1609.04468).
    """
    t = np.linspace(0, 1, n)[:, np.newaxis]
    lengths = np.linalg.norm(a), np.linalg.norm(b)
    from_a, to_b = (one / max(length, 1e-30) for one, length in zip((a, b), lengths, strict=True))
    angle = np.arccos(np.clip(from_a @ to_b, -1, 1))
    if np.sin(angle) < 1e-4:
        return ((1 - t) * a + t * b).astype(a.dtype)
    way = (np.sin((1 - t) * angle) * from_a + np.sin(t * angle) * to_b) / np.sin(angle)
    return (((1 - t) * lengths[0] + t * lengths[1]) * way).astype(a.dtype)


def _large(picture: np.ndarray, alt: str, caption: str) -> Html:
    uri = photograph_uri(picture) if picture.size > MANY else picture_uri(picture)
    return figure(uri, alt, caption, (picture.shape[1], picture.shape[0]), class_="large")


def _pairs(ends: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    return [(ends[i], ends[(i + 1) % len(ends)]) for i in range(len(ends))]


def _plane(evidence: Evidence, ways: list[np.ndarray]) -> Html:
    """Ways in the plane, and the Gaussians of the data as circles of three deviations."""
    sight = evidence.sight
    held = np.concatenate([*ways, sight.centres] if isinstance(sight, Mixture) else ways)
    reach = 1.15 * float(np.abs(held).max()) or 1.0
    plane = Axes((-reach, reach), (-reach, reach), (0, SIZE), (0, SIZE))
    marks = []
    if isinstance(sight, Mixture):
        radius = 3 * sight.sigma / (2 * reach) * SIZE
        for x, y in plane.at(sight.centres[:, 0], sight.centres[:, 1]):
            marks.append(element("circle", cx=f"{x:.1f}", cy=f"{y:.1f}", r=f"{radius:.1f}", class_="truth"))
    for way in ways:
        places = [f"{x:.1f},{y:.1f}" for x, y in plane.at(way[:, 0], way[:, 1])]
        marks.append(element("polyline", points=" ".join(places), class_="line d"))
        marks += [element("circle", cx=x, cy=y, r=2, class_="g") for x, y in (place.split(",") for place in places)]
    label = f"{len(ways)} ways between noises as lines in the plane; circles are the Gaussians of the data"
    drawn = element("svg", *marks, viewBox=f"0 0 {SIZE} {SIZE}", role="img", aria_label=label, class_="chart plane")
    told = "Lines: G along the ways, a dot at every step. Circles: three deviations around each Gaussian."
    return element("figure", drawn, element("figcaption", told), class_="large")
