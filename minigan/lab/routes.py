"""Routes: what is answered below /api/. Each is a function of the server, the query and the body."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from minigan.data import MIXTURES
from minigan.lab import drawing, settings
from minigan.lab.explorer import Explorers
from minigan.lab.frames import pack, text
from minigan.lab.orders import QUESTIONS, Refused, order_of, preset_of, scene_of
from minigan.lab.presets import lessons
from minigan.version import __version__

Answer: TypeAlias = tuple[int, str, bytes]
Route: TypeAlias = Callable[[Any, Mapping[str, str], bytes], Answer]


def hello(explorers: Explorers) -> bytes:
    """The answer to the page's first request: objectives, data, lessons, runs, limits."""
    shapes = drawing.shapes()
    return text(
        {
            "version": __version__,
            "objectives": settings.catalogue(),
            "data": [*MIXTURES, *shapes],
            "shapes": shapes,
            "places": drawing.PLACES,
            "optimizers": list(settings.OPTIMIZERS),
            "penalties": list(settings.PENALTIES),
            "ranges": settings.RANGES,
            "at_once": settings.AT_ONCE,
            "runs": explorers.described(),
            "lessons": [json.loads(lesson.dump()) for lesson in lessons()],
        }
    )


def find(method: str, path: str) -> Route | None:
    """The route of a request; None where there is none."""
    if (method, path) in PLAIN:
        return PLAIN[method, path]
    slow = re.fullmatch(r"/api/slow/([0-2])", path)
    if method == "GET" and slow:
        number = int(slow[1])
        return lambda server, query, body: _film(server, number)
    run = re.fullmatch(r"/api/runs/(\d{1,3})/(\w+)", path)
    if method == "POST" and run:
        which, what = int(run[1]), run[2]
        return lambda server, query, body: _explore(server, which, what, body)
    return None


def _hello(server: Any, query: Mapping[str, str], body: bytes) -> Answer:
    return 200, "application/json", server.hello


def _scene(server: Any, query: Mapping[str, str], body: bytes) -> Answer:
    return 200, "application/octet-stream", pack(*server.player.order(scene_of, changes=False))


def _preset(server: Any, query: Mapping[str, str], body: bytes) -> Answer:
    return 200, "application/json", text(server.player.order(preset_of, changes=False))


def _order(server: Any, query: Mapping[str, str], body: bytes) -> Answer:
    values = json.loads(body)
    order = order_of(values)
    return 200, "application/json", text(server.player.order(order, changes=values["do"] not in QUESTIONS))


def _film(server: Any, number: int) -> Answer:
    def frame(session: Any) -> bytes:
        if session.film is None:
            raise Refused("There is no step in slow motion.")
        return session.film.frames[number]

    return 200, "application/octet-stream", server.player.order(frame, changes=False)


def _explore(server: Any, number: int, what: str, body: bytes) -> Answer:
    return 200, "application/octet-stream", server.explorers.answer(number, what, json.loads(body))


PLAIN: dict[tuple[str, str], Route] = {
    ("GET", "/api/hello"): _hello,
    ("GET", "/api/scene"): _scene,
    ("GET", "/api/preset"): _preset,
    ("POST", "/api/order"): _order,
}
