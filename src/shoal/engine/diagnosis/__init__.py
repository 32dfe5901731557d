"""Diagnosis in words: what went wrong in training, where, since when, and what to try."""

from shoal.engine.diagnosis.diagnose import diagnose
from shoal.engine.diagnosis.finding import Finding

__all__ = ["Finding", "diagnose"]
