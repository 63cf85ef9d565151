"""One training step: what every layer computed, and by which formula."""

from minigan.explain.sections import describe
from minigan.explain.step import Explanation, Part, explain, watch_d, watch_g
from minigan.explain.terminal import text
from minigan.explain.webpage import webpage

__all__ = ["Explanation", "Part", "describe", "explain", "text", "watch_d", "watch_g", "webpage"]
