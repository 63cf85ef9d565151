"""The PyTorch sides of `benchmark.py`: minigan's networks, its steps and its kernels, written twice for PyTorch.

example   As an official example does it. GANs, as in that of DCGAN: sigmoid and BCELoss, three passes through D, D's
          weight gradients also computed in the generator's step, plain Adam, NCHW tensors, `.item()` statistics.
          CycleGAN, as in its authors' code. The others have none.
tuned     What does not move is frozen, channels_last, fused Adam, BCEWithLogitsLoss, no `.item()`, and where nothing
          in D couples the images of a batch, real and fake ones in one batch.

    benchmark_torch_networks.py, benchmark_torch_style.py   networks
    benchmark_torch_gan.py, benchmark_torch_images.py       steps
    benchmark_torch_kernels.py                              kernels

These files and `benchmark_torch_gpu.py` alone import PyTorch. `benchmark.py` starts this one; it is of no use alone.
"""

from __future__ import annotations

import argparse

import torch
from benchmark_torch_gan import Conditional, Gan
from benchmark_torch_images import CycleGan, Srgan
from benchmark_torch_kernels import kernel
from benchmarks.cases import is_step
from benchmarks.line import PYTORCH, Case, serve


def twin(name: str, batch: int, tuned: bool) -> Gan | Srgan | CycleGan:
    """The networks of a row of the table of steps, with their steps."""
    if name == "srgan":
        return Srgan(batch)
    if name == "cyclegan":
        return CycleGan(batch, tuned)
    return (Conditional if name == "conditional" else Gan)(name, batch, tuned)


def main() -> None:
    """Answer `benchmark.py` until it closes the line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("side", choices=PYTORCH)
    parser.add_argument("threads", type=int)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    tuned = options.side == "torch-tuned"

    def build(name: str, batch: int) -> Case:
        facts = {"parameters": {}, "library": f"PyTorch {torch.__version__}", "threads": torch.get_num_threads()}
        if not is_step(name):
            return Case(kernel(name, batch, tuned), facts)
        built = twin(name, batch, tuned)
        return Case(built.tuned_step if tuned else built.example_step, facts | {"parameters": built.parameters()})

    serve(build)


if __name__ == "__main__":
    main()
