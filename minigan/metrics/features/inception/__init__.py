"""Inception v3 of 2015-12-05: the feature network of the FID."""

from minigan.metrics.features.inception.extractor import Inception

__all__ = ["Inception"]
