"""The room that takes one training step apart: what every layer did, and by which formula."""

from minigan.explain.step import Explanation, explain, watch_d, watch_g
from minigan.explain.tell import tell
from minigan.explain.terminal import text
from minigan.explain.webpage import webpage

__all__ = ["Explanation", "explain", "tell", "text", "watch_d", "watch_g", "webpage"]
