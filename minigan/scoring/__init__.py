"""Scoring: from a run, a file or a folder of samples to a table of scores."""

from minigan.metrics.score import read_scores, write_scores
from minigan.scoring.report import table
from minigan.scoring.samples import Samples, collect

__all__ = ["Samples", "collect", "read_scores", "table", "write_scores"]
