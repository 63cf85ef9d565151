"""choose: the networks of a run in the forms that use its threads best."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from minigan.engine.fuse import fused
from minigan.engine.in_turns import InTurns
from minigan.engine.pair import OneBatch, SideBySide, couples, side_by_side
from minigan.engine.processes import Processes
from minigan.engine.sharded import Sharded
from minigan.engine.shared_layers import without_form
from minigan.engine.split import is_large, split
from minigan.engine.team import Team
from minigan.layers import Layer

SAMPLES = 64 << 20  # bytes in a mailbox for what is not a network's gradients


@dataclass(frozen=True)
class Chosen:
    """The engine of a run.

    networks   by the same names as given to `choose`, for training steps
    team       the threads, for the optimizers' `workers`; None where there are no others
    notes      sentences for people: where threads cannot be used, why, and what happens instead
    processes  to be started before the first turn, instead of threads; None where threads do it
    """

    networks: dict[str, Layer]
    team: Team | None
    notes: tuple[str, ...]
    processes: Processes | None = None


def choose(
    networks: Mapping[str, Layer], *, threads: int, batch_size: int, on_cpu: bool, processes: bool = False
) -> Chosen:
    """Faster forms of the networks: each is a Layer with the same parameters, buffers and names.

    Threads follow from the networks; BLAS runs on one thread in each of them.

    convolutions              a team shares the rows of every batch: of threads or, if asked for, of `processes`
    large, fully connected    a team splits the products
    else                      there is not enough to do for more than one thread

    Everywhere, batch norms are computed together with their activations. Two batches become one where nothing couples
    the rows of a batch; where only batch norm does, each half of a team computes one of them. Layers are asked for
    `couples` and `draws` alone. One that couples or draws, and has no form for threads (`shared_layers.py`), gets whole
    batches on one thread.

    Call it when the arrays are where they are to stay. Conditions are bound afterwards: chosen.networks["D"].given(c).
    """
    forms = {name: fused(network) for name, network in networks.items()}
    if not on_cpu:
        return Chosen(forms, None, ())
    convolve = any(_convolves(network) for network in forms.values())
    enough = convolve or any(is_large(layer) for network in forms.values() for layer in network.walk())
    size = min(threads, batch_size)
    if size == 1 or not enough:
        return Chosen({name: on_one_thread(network) for name, network in forms.items()}, None, ())
    notes = tuple(_note(name, network) for name, network in forms.items() if without_form(network))
    if convolve and processes:
        longest = max(sum(param.nbytes for _, param in network.named_params()) for network in forms.values())
        others = Processes(size, 2 * longest + SAMPLES)
        return Chosen({name: _in_turns(network, others) for name, network in forms.items()}, None, notes, others)
    team = Team(size)
    if not convolve:
        return Chosen({name: on_one_thread(split(network, team)) for name, network in forms.items()}, team, ())
    return Chosen({name: by_rows(network, team) for name, network in forms.items()}, team, notes)


def on_one_thread(network: Layer) -> Layer:
    """The network for whole batches; two of them become one where nothing couples their rows."""
    return network if couples(network) else OneBatch(network)


def by_rows(network: Layer, team: Team | Processes) -> Layer:
    """The network for a team that shares the rows of a batch, or for one thread where a layer has no form for it."""
    if without_form(network):
        return on_one_thread(network)
    shared = SideBySide(network, team) if side_by_side(network, team) else Sharded(network, team)
    return on_one_thread(shared)


def _in_turns(network: Layer, processes: Processes) -> Layer:
    return InTurns(network, processes, lambda: by_rows(network, processes))


def _convolves(network: Layer) -> bool:
    """Has it a convolution's weight? These have four axes, (KH, KW, C, O)."""
    return any(param.ndim == 4 for _, param in network.named_params())


def _note(name: str, network: Layer) -> str:
    layers = ", ".join(sorted({type(layer).__name__ for layer in without_form(network)}))
    return (
        f"{name} computes whole batches on one thread, and the others share at most its updates, because "
        f"layers in it couple the samples of a batch or draw random numbers and have no form for threads: {layers}"
    )
