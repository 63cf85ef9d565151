"""PyTorch's side of `benchmark.py --device cuda`: the same GAN step in the forms that make it fast on a GPU.

eager           as it is written: D frozen in G's step, Adam for all parameters at once (foreach), NCHW
fused           Adam as one fused kernel
channels_last   fused, and images with their channels last in memory, as minigan has them
graph           fused, the whole step recorded into a CUDA graph by hand and replayed
graph_last      the same with channels last
compile         torch.compile(mode="reduce-overhead") of both losses, fused Adam

The data set lies on the GPU as bytes, batches and noise are drawn there, and one batch of fakes serves both
updates of a step (in `compile` each has its own, because two graphs share nothing). Precision is that of products and
of convolutions: float32, or tf32. WGAN-GP differentiates twice and is not among the models.

    python examples/benchmark_torch_gpu.py graph "mlp,64,float32 dcgan,128,tf32"

It prints a line of JSON for each case; `benchmark.py` starts it and reads them. --device cpu tries the forms without
a GPU: no graphs, and a compiler that compiles nothing.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import torch
from benchmark_torch_networks import Z_DIM, dcgan, dcgan64, mlp
from benchmarks.blocks import cases, printed, timed
from torch import nn

SHAPES = {"mlp": (1, 28, 28), "dcgan": (1, 28, 28), "dcgan64": (3, 64, 64)}
FORMS = ("eager", "fused", "channels_last", "graph", "graph_last", "compile")
IMAGES = 10_000  # in the data set


class GAN:
    """Both networks and their optimizers on a device, and the step in one form."""

    def __init__(self, form: str, model: str, batch: int, device: str) -> None:
        torch.manual_seed(0)
        last = form in ("channels_last", "graph_last")
        layout = torch.channels_last if last else torch.contiguous_format
        built = mlp() if model == "mlp" else {"dcgan": dcgan, "dcgan64": dcgan64}[model](last)
        self.G, self.D = (network.to(device, memory_format=layout) for network in built)
        self.images = torch.randint(0, 256, (IMAGES, *SHAPES[model]), dtype=torch.uint8, device=device)
        self.images = self.images.contiguous(memory_format=layout)
        self.ones, self.zeros = torch.ones(batch, 1, device=device), torch.zeros(batch, 1, device=device)
        self.batch, self.device, self.together = batch, device, model == "mlp"
        rule = {"lr": 2e-4, "betas": (0.5, 0.999), "capturable": form.startswith("graph") and device != "cpu"}
        rule |= {"foreach": True} if form == "eager" else {"fused": True}
        self.d_optimizer = torch.optim.Adam(self.D.parameters(), **rule)
        self.g_optimizer = torch.optim.Adam(self.G.parameters(), **rule)
        self.bce = nn.functional.binary_cross_entropy_with_logits

    def parameters(self) -> list[int]:
        """Trained numbers of G and of D."""
        return [sum(p.numel() for p in network.parameters()) for network in (self.G, self.D)]

    def real(self) -> torch.Tensor:
        rows = torch.randint(0, IMAGES, (self.batch,), device=self.device)
        return self.images[rows].float().mul_(2 / 255).sub_(1)

    def noise(self) -> torch.Tensor:
        return torch.randn(self.batch, Z_DIM, device=self.device)

    def d_loss(self, real: torch.Tensor, fake: torch.Tensor) -> torch.Tensor:
        if self.together:
            a, b = self.D(torch.cat([real, fake])).chunk(2)
        else:
            a, b = self.D(real), self.D(fake)
        return self.bce(a, self.ones) + self.bce(b, self.zeros)

    def step(self) -> None:
        """An update of D and one of G, from one batch of fakes."""
        fake = self.G(self.noise())
        self.d_optimizer.zero_grad(set_to_none=True)
        self.d_loss(self.real(), fake.detach()).backward()
        self.d_optimizer.step()
        self.D.requires_grad_(False)
        self.g_optimizer.zero_grad(set_to_none=True)
        self.bce(self.D(fake), self.ones).backward()
        self.g_optimizer.step()
        self.D.requires_grad_(True)


def recorded(gan: GAN) -> Callable[[], object]:
    """The step as one launch, after PyTorch's own recipe: warmed up on a stream at the side, then recorded."""
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(5):
            gan.step()
    torch.cuda.current_stream().wait_stream(side)
    for optimizer in (gan.d_optimizer, gan.g_optimizer):
        optimizer.zero_grad(set_to_none=True)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        gan.step()
    return graph.replay


def compiled(gan: GAN) -> Callable[[], object]:
    """Both losses compiled separately: two of them that share a batch of fakes cannot be."""
    options = {"backend": "aot_eager"} if gan.device == "cpu" else {"mode": "reduce-overhead"}

    def d_loss(real: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            fake = gan.G(z)
        return gan.d_loss(real, fake)

    def g_loss(z: torch.Tensor) -> torch.Tensor:
        return gan.bce(gan.D(gan.G(z)), gan.ones)

    fast_d, fast_g = (torch.compile(loss, **options) for loss in (d_loss, g_loss))

    def step() -> None:
        torch.compiler.cudagraph_mark_step_begin()
        gan.d_optimizer.zero_grad(set_to_none=True)
        fast_d(gan.real(), gan.noise()).backward()
        gan.d_optimizer.step()
        gan.D.requires_grad_(False)
        gan.g_optimizer.zero_grad(set_to_none=True)
        fast_g(gan.noise()).backward()
        gan.g_optimizer.step()
        gan.D.requires_grad_(True)

    return step


def form_of(form: str, gan: GAN) -> Callable[[], object]:
    """The step of a gan in this form."""
    if form == "compile":
        return compiled(gan)
    return recorded(gan) if form.startswith("graph") and gan.device != "cpu" else gan.step


def span(step: Callable[[], object], n: int) -> float:
    """The seconds of n steps, between two events on the GPU."""
    if not torch.cuda.is_available():
        started = time.perf_counter()
        for _ in range(n):
            step()
        return time.perf_counter() - started
    first, last = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    torch.cuda.synchronize()
    first.record()
    for _ in range(n):
        step()
    last.record()
    last.synchronize()
    return first.elapsed_time(last) / 1e3


def main() -> None:
    """Measure the cases, and print what is found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("form", choices=FORMS)
    parser.add_argument("cases", help="model,batch,precision, separated by spaces")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    options = parser.parse_args()
    for model, batch, precision in cases(options.cases):
        if model == "mlp" and options.form.endswith("_last"):
            continue  # there are no images in it
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = precision == "tf32"
        torch.backends.cudnn.benchmark = True  # cuDNN tries its algorithms and takes the fastest
        torch.compiler.reset()
        gan = GAN(options.form, model, batch, options.device)
        times = timed(form_of(options.form, gan), span)
        about = {"model": model, "batch": batch, "precision": precision, "parameters": gan.parameters()}
        printed(side="torch", form=options.form, library=f"PyTorch {torch.__version__}", **about, **times)


if __name__ == "__main__":
    main()
