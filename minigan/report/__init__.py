"""A run as one page: everything there is to see of it in one HTML file that needs nothing else."""

from __future__ import annotations

from minigan.report.page import write_report

__all__ = ["write_report"]
