"""The systems: each a page with its networks, its turns, its pictures and its scores."""

from minigan.systems.gan import GAN
from minigan.systems.gmmn import CodeGMMN
from minigan.systems.vae import VAE

__all__ = ["GAN", "VAE", "CodeGMMN"]
