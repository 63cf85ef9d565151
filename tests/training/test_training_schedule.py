"""The schedule of a run: steps, epochs, falling rates, and which of its points are kept."""

from __future__ import annotations

import numpy as np
import pytest

from minigan.layers import Linear, Network
from minigan.objectives import LSGAN
from minigan.systems import GAN
from minigan.training.schedule import LONGEST, Schedule, notable


class Warm(GAN):
    """Its first two steps draw five batches, the others two."""

    def batches(self, step: int) -> int:
        return 5 if step < 2 else 2


def system(kind: type[GAN] = GAN) -> GAN:
    rng = np.random.default_rng(0)
    return kind(Network(Linear(2, 2, rng=rng)), Network(Linear(2, 1, rng=rng)), LSGAN(), z_dim=2)


def test_log_points_come_further_apart_by_factors_of_ten() -> None:
    assert all(notable(n) for n in range(10_001))
    assert [n for n in range(10_000, 10_041) if notable(n)] == [10_000, 10_010, 10_020, 10_030, 10_040]
    assert [n for n in range(100_000, 100_301) if notable(n)] == [100_000, 100_100, 100_200, 100_300]
    assert sum(notable(n) for n in range(1, 1_000_001)) == 10_000 + 9_000 + 9_000


@pytest.mark.parametrize(("kind", "epochs", "steps"), [(GAN, 3, 18), (GAN, 0.1, 1), (Warm, 3, 6), (Warm, 1, 2)])
def test_a_run_has_the_steps_that_draw_its_epochs(kind: type[GAN], epochs: float, steps: int) -> None:
    schedule = Schedule(system(kind), per_epoch=6, epochs=epochs, decay=0)
    assert schedule.total == steps
    assert schedule.epochs(9) == 1.5


def test_learning_rates_of_all_players_fall_to_zero_over_the_last_share() -> None:
    gan = system()
    gan.players["D"].optimizer.lr = 0.4
    falling, constant = (Schedule(gan, per_epoch=10, epochs=1, decay=decay) for decay in (0.5, 0.0))
    assert [falling.learning_rates(step)["D"] for step in (0, 5, 6, 9)] == pytest.approx([0.4, 0.4, 0.32, 0.08])
    assert falling.learning_rates(9)["G"] == pytest.approx(0.2 * 2e-4)
    assert [constant.learning_rates(step) for step in (0, 9)] == [{"D": 0.4, "G": 2e-4}] * 2


def test_a_run_that_nobody_could_wait_for_is_refused_and_so_is_one_that_never_ends() -> None:
    with pytest.raises(ValueError, match=rf"{LONGEST:,} is the most that a run may have"):
        Schedule(system(), per_epoch=6, epochs=1e9, decay=0)
    gan = system()
    gan.batches = lambda step: 0  # type: ignore[method-assign]
    with pytest.raises(ValueError, match=r"GAN\.batches must be at least 1 at every step, got 0"):
        Schedule(gan, per_epoch=6, epochs=1, decay=0)
