"""Weights to and from PyTorch, without PyTorch: its state dicts as safetensors files."""

from minigan.exchange.modules import as_pytorch
from minigan.exchange.weights import read_safetensors, write_safetensors

__all__ = ["as_pytorch", "read_safetensors", "write_safetensors"]
