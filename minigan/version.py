"""The version, which scores and cards of networks are labelled with."""

__version__ = "0.2.0"
