"""Where the numbers come from: loading, checking, splitting, batching.

`load("mnist")` and `Dataset.from_arrays`, `from_frame`, `from_file`, `from_csv`, `from_parquet`
give a `Dataset`; `batch_rows` says which of its rows a step trains on.
"""

from shoal.data.batching import batch_rows, epoch_rows, steps_per_epoch
from shoal.data.catalogue import Entry, available, load
from shoal.data.columns import Column
from shoal.data.dataset import Dataset
from shoal.data.describe import ClassCount, Description
from shoal.data.part import PARTS, Part, PartName
from shoal.data.scaling import Transformer
from shoal.data.targets import Task

__all__ = [
    "PARTS",
    "ClassCount",
    "Column",
    "Dataset",
    "Description",
    "Entry",
    "Part",
    "PartName",
    "Task",
    "Transformer",
    "available",
    "batch_rows",
    "epoch_rows",
    "load",
    "steps_per_epoch",
]
