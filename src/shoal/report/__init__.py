"""The report of a comparison: one HTML file that opens offline."""

from shoal.report.page import render, write_report

__all__ = ["render", "write_report"]
