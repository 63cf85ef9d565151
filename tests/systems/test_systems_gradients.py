"""Every turn of every system, in every stage, passes the gradient check of whole steps."""

from __future__ import annotations

import pytest

from minigan.checks import SystemCase, system_cases
from minigan.gradcheck import TOLERANCE

TURNS = {
    "gan": {"D", "G"},
    "conditional": {"D", "G"},
    "ageing": {"D", "G", "E"},
    "vae": {"VAE"},
    "srgan": {"D", "G"},
    "cyclegan": {"D_A", "D_B", "D_A+D_B", "G_AB+G_BA"},
    "stackgan": {"D1", "G1", "D2", "G2", "text"},
    "stylegan": {"D", "G"},
}


@pytest.mark.parametrize("case", system_cases(), ids=str)
def test_every_turn_is_the_gradient_of_its_loss(case: SystemCase) -> None:
    errors = case.errors()
    system = str(case).split(",")[0].split(" ")[0]
    assert errors and set(errors) <= TURNS[system]
    assert max(errors.values()) < TOLERANCE, errors
