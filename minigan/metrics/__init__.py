"""Metrics: how good samples are, in numbers that say what they were measured with."""

from minigan.metrics.frechet import fid_infinity, frechet_distance
from minigan.metrics.images import ImageScores, score_features, score_images
from minigan.metrics.inception_score import inception_score, softmax
from minigan.metrics.kid import kid
from minigan.metrics.score import NonFiniteSamples, Protocol, ProtocolMismatch, Score, difference
from minigan.metrics.statistics import Origin, Statistics

__all__ = [
    "ImageScores",
    "NonFiniteSamples",
    "Origin",
    "Protocol",
    "ProtocolMismatch",
    "Score",
    "Statistics",
    "difference",
    "fid_infinity",
    "frechet_distance",
    "inception_score",
    "kid",
    "score_features",
    "score_images",
    "softmax",
]
