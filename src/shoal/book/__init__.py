"""The textbook's experiments, each a file of its own that uses only the public API.

*Deep Learning from Scratch* (chapters 4 and 6) shows how networks train with one unseeded run per
setting. Here each of its experiments is a command, with seeds, bands and the published figures
beside ours: `shoal book NAME`. `experiments/` holds one file for each, `claims/` one for each claim
that is put to the test; the rest of this package is what they share.
"""

from shoal.book.experiment import (
    Draw,
    Experiment,
    Findings,
    Published,
    Setting,
    Table,
    in_band,
)
from shoal.book.text import LANGUAGES, Language, Text

__all__ = [
    "LANGUAGES",
    "Draw",
    "Experiment",
    "Findings",
    "Language",
    "Published",
    "Setting",
    "Table",
    "Text",
    "in_band",
]
