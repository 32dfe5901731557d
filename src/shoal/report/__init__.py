"""Reports of comparisons and studies: one HTML file each that opens offline."""

from shoal.report.page import render, write_report
from shoal.report.study import render_study, write_study

__all__ = ["render", "render_study", "write_report", "write_study"]
