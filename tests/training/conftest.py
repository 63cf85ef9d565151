"""One tiny data set for all tests of this folder."""

from support.tiny_runs import pictures as pictures
