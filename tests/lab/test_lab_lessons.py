"""Every lesson shows what it announces, with three seeds. Run with -m slow."""

from __future__ import annotations

from typing import Any

import pytest
from threadpoolctl import threadpool_limits

from minigan.lab.presets import Preset, lessons
from minigan.lab.session import Session

LESSONS = {lesson.title: lesson for lesson in lessons()}
Numbers = dict[str, Any]


def at(preset: Preset, seed: int, step: int = 0, **choices: Any) -> Numbers:
    """The numbers of a lesson at the step where it is answered."""
    changed = preset.but(choices={**preset.choices, **choices}, data=preset.data, seed=seed)
    session = Session(changed)
    with threadpool_limits(1, "blas"):
        while session.plane.step < (step or preset.until) and not session.halted:
            session.train()
        return session.frame(fine=False, measure=True)[0]


def reports(numbers: Numbers, condition: str) -> bool:
    return any(entry["condition"] == condition for entry in numbers["health"])


def vanished(numbers: Numbers) -> bool:
    pull: float = numbers["pull"]["median"]
    return pull < numbers["pull"]["usual"] / 100


def test_there_are_eight_lessons_that_ask_first() -> None:
    assert len(LESSONS) == 8
    assert all(one.question.endswith(("?", ".")) and one.look_for and one.until for one in LESSONS.values())


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("title", LESSONS)
def test_a_lesson_shows_what_it_announces(title: str, seed: int) -> None:
    lesson = LESSONS[title]
    numbers = at(lesson, seed)
    if title == "It works":
        assert numbers["reach"]["found"] >= 4
    elif title == "Who is stronger?":
        assert vanished(numbers) and not vanished(at(lesson, seed, objective="nonsaturating"))
    elif title == "Lost modes":
        assert numbers["reach"]["found"] <= 8 and reports(numbers, "mode collapse")
    elif title == "Too fast":
        assert numbers["reach"]["found"] <= 1 and reports(numbers, "mode collapse")
    elif title == "Far apart":
        other = at(Preset(data=lesson.data, until=lesson.until), seed, objective="wgan-gp")
        assert numbers["pull"]["median"] < 1e-3 < 0.1 < other["pull"]["median"]
    elif title == "A penalty limits D":
        tamed = at(lesson, seed, hyper={"weight": 0.1})
        assert numbers["readings"]["d_loss"] < -5 < -3 < tamed["readings"]["d_loss"]
        assert numbers["reach"]["found"] == 0
    elif title == "No D at all":
        assert numbers["js"] < 0.7 and "d_loss" not in numbers["readings"]
    else:
        assert title == "Draw your own" and numbers["reach"]["share"] > 0.7
