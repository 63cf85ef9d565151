"""Health: what a beginner cannot see in a run, measured and said in words."""

from __future__ import annotations

from minigan.training.health.conditions import CONDITIONS, Condition
from minigan.training.health.game import Game
from minigan.training.health.health import Health
from minigan.training.health.monitor import Monitor
from minigan.training.health.watched import Watched

__all__ = ["CONDITIONS", "Condition", "Game", "Health", "Monitor", "Watched"]
