"""Scene: what stays the same from picture to picture: the data, the choices, the formulas and the code."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np

from minigan import docpages, objectives
from minigan.explain.events import file_name
from minigan.explain.pages import objective_formulas
from minigan.lab.drawing import Drawing
from minigan.lab.plane import Plane
from minigan.lab.presets import Preset
from minigan.lab.settings import config_of, hyper, shown
from minigan.lab.view import REAL, View
from minigan.objectives.objective import OUTPUTS, Objective
from minigan.training import build, steps

FORMULAS = {"D": "d_loss", "G": "g_loss", "Penalty": "penalty", "Constraint": "after_d_update", "Source": "name"}


def scene(plane: Plane, view: View, preset: Preset, number: int) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Numbers, words and arrays."""
    config, objective = plane.config, plane.objective
    recipe = config_of({"objective": config.objective}, config.data, preset.seed)
    drawing = plane.source if isinstance(plane.source, Drawing) else None
    numbers = {
        "number": number,
        "window": view.window,
        "seed": preset.seed,
        "data": plane.source.name,
        "strokes": None if drawing is None else drawing.strokes,
        "choices": {**shown(config), **plane.settings},
        "recipe": {**shown(recipe), "hyper": hyper(recipe)},
        "idea": docpages.idea(objectives.find(config.objective)),
        "output": OUTPUTS[objective.output].split(" (")[0],
        "opinion": plane.has_opinion,
        "trains_d": objective.trains_d,
        "logit": objective.logit,
        "z_dim": plane.system.z_dim,
        "formulas": _formulas(objective),
        "code": [_source(steps.update_discriminator), _source(steps.generator_step), _source(steps.generator_gradient)],
        "networks": build.table(config, {"real": plane.dataset.about()}),
        "lesson": {name: getattr(preset, name) for name in ("title", "question", "look_for", "until")},
        "layers": preset.view.get("layers"),
    }
    return numbers, {"real": plane.dataset.images[:REAL]}


def _formulas(objective: Objective) -> list[list[str]]:
    """Formulas of the objective's page, and of its base classes where it inherits the losses: [heading, text] each."""
    formulas = []
    for label, method in FORMULAS.items():
        method = "joint_g_loss" if method == "g_loss" and objective.compares else method
        formulas += [[f"{label}, as {of} has it", text] for of, text in objective_formulas(objective, (label,), method)]
    return formulas


def _source(function: Any) -> dict[str, Any]:
    """A function with the place where it is written."""
    lines, first = inspect.getsourcelines(function)
    name = file_name(inspect.getsourcefile(function) or "")
    return {"name": function.__name__, "file": name, "first": first, "lines": [line.rstrip("\n") for line in lines]}
