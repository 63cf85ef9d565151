"""Presets: what is trained, from which seed, and what a person did meanwhile; a file, a link, or a lesson."""

from __future__ import annotations

import base64
import binascii
import json
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from difflib import get_close_matches
from importlib import resources
from pathlib import Path
from typing import Any

from minigan.data import MIXTURES
from minigan.lab.drawing import check_strokes, shapes
from minigan.lab.moves import check_moves
from minigan.lab.settings import CHOICES, check_choice

VERSION = 1
LARGEST = 64 * 1024  # bytes, also when it is unpacked
TEXTS = {"title": 80, "question": 400, "look_for": 800}  # characters
LAYERS = ("heat", "real", "fake", "sheet", "pull", "best")


@dataclass(frozen=True)
class Preset:
    """Everything that a session in the plane follows from.

    choices   fields of Config that differ from the recipe of the objective
    data      {"name": of a mixture or a shape} or {"strokes": of a drawing}
    moves     what a person did and when: with the seed they repeat the session bit for bit
    view      {"layers": which layers of the picture are shown}
    question, look_for, until   of a lesson: asked first; shown after so many steps
    """

    title: str = ""
    question: str = ""
    look_for: str = ""
    until: int = 0
    choices: dict[str, Any] = field(default_factory=dict)
    data: dict[str, Any] = field(default_factory=lambda: {"name": "ring"})
    seed: int = 0
    moves: list[list[Any]] = field(default_factory=list)
    view: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def read(cls, values: object) -> Preset:
        """A preset from what JSON contains; ValueError names the place that is wrong."""
        if not isinstance(values, dict):
            raise ValueError(f"a preset must be a JSON object, got {type(values).__name__}")
        if values.get("lab") != VERSION:
            raise ValueError(f"lab {values.get('lab')!r}: this minigan reads presets of lab {VERSION}")
        given = {name: value for name, value in values.items() if name != "lab"}
        _check_names(given, [field.name for field in fields(cls)], "")
        preset = cls(**given)
        preset._check()
        return preset

    @classmethod
    def load(cls, text: str | bytes) -> Preset:
        """From a file's text, or from the text of a link, p1.… or p0.…; ValueError."""
        raw = text.encode() if isinstance(text, str) else text
        if raw[:3] in (b"p0.", b"p1."):
            raw = _unpacked(raw)
        if len(raw) > LARGEST:
            raise ValueError(f"a preset may have {LARGEST:,} bytes, got {len(raw):,}")
        try:
            values = json.loads(raw)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"a preset must be JSON in UTF-8: {error}") from error
        return cls.read(values)

    def dump(self) -> str:
        """The text of a file."""
        return json.dumps({"lab": VERSION, **asdict(self)}, indent=1) + "\n"

    def packed(self) -> str:
        """The text of a link."""
        short = json.dumps({"lab": VERSION, **asdict(self)}, separators=(",", ":")).encode()
        press = zlib.compressobj(9, zlib.DEFLATED, -15)
        return "p1." + base64.urlsafe_b64encode(press.compress(short) + press.flush()).decode().rstrip("=")

    def but(self, **values: Any) -> Preset:
        """The same with other values; a lesson's words stay with it no longer."""
        plain: dict[str, Any] = {"title": "", "question": "", "look_for": "", "until": 0, "moves": []}
        return replace(self, **plain | values)

    def _check(self) -> None:
        for name, most in TEXTS.items():
            value = getattr(self, name)
            if not isinstance(value, str) or len(value) > most:
                raise ValueError(f"{name} must be a text of at most {most} characters")
        for name, most in (("until", 10**6), ("seed", 2**53)):
            value = getattr(self, name)
            if type(value) is not int or not 0 <= value <= most:
                raise ValueError(f"{name} must be a whole number from 0 to {most:,}, got {value!r}")
        for name in ("choices", "data", "view"):
            if not isinstance(getattr(self, name), dict):
                raise ValueError(f"{name} must be a JSON object")
        _check_names(self.choices, CHOICES, "choices.")
        for name, value in self.choices.items():
            check_choice(name, value)
        self._check_data()
        check_moves(self.moves)
        _check_names(self.view, ["layers"], "view.")
        layers = self.view.get("layers", [])
        if not isinstance(layers, list) or not all(layer in LAYERS for layer in layers):
            raise ValueError(f"view.layers must be a list of {', '.join(LAYERS)}")

    def _check_data(self) -> None:
        _check_names(self.data, ["name", "strokes"], "data.")
        if len(self.data) != 1:
            raise ValueError("data must have either a name or strokes")
        known = [*MIXTURES, *shapes()]
        if "strokes" in self.data:
            check_strokes(self.data["strokes"])
        elif self.data["name"] not in known:
            raise ValueError(f"data.name must be one of {', '.join(known)}, got {self.data['name']!r}")


def lessons() -> list[Preset]:
    """The lessons that come with the lab, in their order."""
    folder = resources.files("minigan.lab") / "lessons"
    files = sorted((file for file in folder.iterdir() if file.name.endswith(".json")), key=lambda file: file.name)
    return [Preset.load(file.read_bytes()) for file in files]


def from_text(text: str) -> Preset:
    """The preset of a command: the text of a link, or a file's name."""
    if text.startswith(("p0.", "p1.")):
        return Preset.load(text)
    path = Path(text)
    if path.stat().st_size > LARGEST:
        raise ValueError(f"{path}: a preset may have {LARGEST:,} bytes")
    try:
        return Preset.load(path.read_bytes())
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def _unpacked(raw: bytes) -> bytes:
    """The JSON in the text of a link."""
    if len(raw) > 2 * LARGEST:
        raise ValueError(f"the text of a link may have {2 * LARGEST:,} characters")
    try:
        body = base64.urlsafe_b64decode(raw[3:] + b"=" * (-len(raw[3:]) % 4))
        if raw[:2] == b"p0":
            return body
        press = zlib.decompressobj(-15)
        text = press.decompress(body, LARGEST + 1)  # no more: a small text can unpack to gigabytes
    except (binascii.Error, zlib.error, ValueError) as error:
        raise ValueError(f"the text of the link is damaged: {error}") from error
    if not press.eof and len(text) <= LARGEST:
        raise ValueError("the text of the link is damaged: its end is missing")
    return text


def _check_names(given: Mapping[str, Any], known: Iterable[str], prefix: str) -> None:
    """ValueError for the first name that is not known."""
    for name in given:
        if name not in known:
            near = get_close_matches(str(name), list(known), 1)
            hint = f"; did you mean {near[0]}?" if near else f"; known are {', '.join(known)}"
            raise ValueError(f"{prefix}{name} is unknown{hint}")
