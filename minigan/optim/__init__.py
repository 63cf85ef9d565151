"""Optimizers on named arrays, in place, and the average of what they trained."""

from minigan.optim.average import Average
from minigan.optim.optimizer import NotFinite, Optimizer, flatten
from minigan.optim.rules import SGD, Adam, AdaMax, RMSProp

__all__ = ["SGD", "AdaMax", "Adam", "Average", "NotFinite", "Optimizer", "RMSProp", "flatten"]
