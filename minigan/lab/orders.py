"""Orders: what a page can have done to a session, by name. Each is carried out by the player, between two turns."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from minigan.lab.drawing import check_strokes
from minigan.lab.moves import MOST
from minigan.lab.presets import Preset
from minigan.lab.scene import scene
from minigan.lab.session import Order, Session
from minigan.lab.settings import AT_ONCE, CHOICES, check_choice
from minigan.lab.slow import Film


class Refused(Exception):
    """An order that makes no sense as things are."""


def order_of(values: object) -> Order:
    """The order that a page sent; ValueError where it is none."""
    if not isinstance(values, dict) or values.get("do") not in ORDERS:
        raise ValueError(f"an order must be one of {', '.join(ORDERS)}")
    given: Mapping[str, Any] = values
    carry_out = ORDERS[given["do"]]

    def order(session: Session) -> Any:
        return carry_out(session, given) or {"scene": session.number}

    return order


def _play(session: Session, given: Mapping[str, Any]) -> None:
    if session.plane.failed:
        raise Refused(f"{session.plane.failed} Go back in time, or begin again with a smaller rate.")
    session.playing, session.target, session.halted = True, None, ""


def _pause(session: Session, given: Mapping[str, Any]) -> None:
    session.playing, session.target, session.halted = False, None, ""


def _step(session: Session, given: Mapping[str, Any]) -> None:
    _pause(session, given)
    if session.plane.failed:
        _play(session, given)
    session.train()


def _alone(session: Session, given: Mapping[str, Any]) -> None:
    _pause(session, given)
    try:
        _before_a_move(session, given)
        session.plane.alone(given["do"].upper())
    except FloatingPointError:
        session.halted = session.plane.failed
    except ValueError as error:
        raise Refused(str(error)) from error
    session.view.learn()
    session.history.note()


def _set(session: Session, given: Mapping[str, Any]) -> None:
    name, value = given.get("name"), given.get("value")
    if name not in CHOICES:
        raise ValueError(f"set must name one of {', '.join(CHOICES)}, got {name!r}")
    check_choice(name, value)
    if name in AT_ONCE:
        _before_a_move(session, given)
        session.plane.change(str(name), value)  # type: ignore[arg-type]
        session.history.note()
        return
    _begin(session, session.preset.but(choices={**session.preset.choices, name: value}))


def _before_a_move(session: Session, given: Mapping[str, Any]) -> None:
    """A move after somebody went back makes another future."""
    if session.history.has_future:
        if not given.get("cut"):
            raise Refused("cut")  # the page asks once, and sends the order again
        session.history.cut()
    if session.plane.done >= MOST:
        raise Refused(f"{MOST:,} changes are the most that a session can repeat: begin again")


def _begin(session: Session, preset: Preset) -> None:
    on = session.playing
    session.begin(preset)
    session.playing = on


def _new(session: Session, given: Mapping[str, Any]) -> None:
    session.begin(Preset.read(given.get("preset")))


def _again(session: Session, given: Mapping[str, Any]) -> None:
    seed = given.get("seed", session.preset.seed)
    if type(seed) is not int or not 0 <= seed <= 2**53:
        raise ValueError(f"seed must be a whole number from 0 to 2^53, got {seed!r}")
    same = session.plane.moves == session.preset.moves and seed == session.preset.seed
    preset = session.preset if same else replace(session.preset, seed=seed, moves=[], choices=_chosen(session))
    _begin(session, preset)


def _chosen(session: Session) -> dict[str, Any]:
    """The choices, with what was changed while it trained."""
    plane = session.plane
    changed = {name: value for name, value in plane.settings.items() if value != getattr(plane.config, name)}
    return {**session.preset.choices, **changed}


def _draw(session: Session, given: Mapping[str, Any]) -> None:
    strokes = check_strokes(given.get("strokes"), "strokes")
    _begin(session, session.preset.but(choices=session.preset.choices, data={"strokes": strokes}))


def _go(session: Session, given: Mapping[str, Any]) -> None:
    step = given.get("step")
    if type(step) is not int:
        raise ValueError(f"go to a step, a whole number, got {step!r}")
    session.history.back(step)
    session.halted = ""
    session.playing, session.target = (True, step) if session.plane.step < step else (False, None)


def _speed(session: Session, given: Mapping[str, Any]) -> None:
    value = given.get("value")
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
        raise ValueError(f"speed must be steps per second, 0 for as fast as it can be, got {value!r}")
    session.speed = float(value)


def _slow(session: Session, given: Mapping[str, Any]) -> dict[str, Any]:
    _pause(session, given)
    if session.plane.failed:
        _play(session, given)
    film = session.film = Film(session.plane, session.view)
    session.view.learn()
    session.history.note()
    return {"scene": session.number, "events": film.events}


def _at(session: Session, given: Mapping[str, Any]) -> dict[str, Any]:
    x, y = given.get("x"), given.get("y")
    for value in (x, y):
        if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= 100:
            raise ValueError(f"a place must be two numbers, got {x!r} and {y!r}")
    return session.view.point_at(float(x), float(y))  # type: ignore[arg-type]


ORDERS: dict[str, Callable[[Session, Mapping[str, Any]], Any]] = {
    "play": _play,
    "pause": _pause,
    "step": _step,
    "d": _alone,
    "g": _alone,
    "slow": _slow,
    "again": _again,
    "go": _go,
    "new": _new,
    "set": _set,
    "speed": _speed,
    "draw": _draw,
    "at": _at,
}


QUESTIONS = ("at",)  # that change nothing


def preset_of(session: Session) -> dict[str, Any]:
    """The preset of what is on the screen, in its three carriers."""
    plane = session.plane
    now = replace(session.preset, moves=plane.moves[: plane.done])
    return {"text": now.dump(), "packed": now.packed(), "step": plane.step}


def scene_of(session: Session) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """The facts and arrays that stay the same from picture to picture."""
    return scene(session.plane, session.view, session.preset, session.number)
