"""What each setting of the preset "tuned" is worth: one is changed at a time.

Measured on the kind of tables that the preset was chosen on, never on those of the report. A change
and "tuned" itself see the same splits and start from the same seeds.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.tables.evidence import differences
from benchmarks.tables.generated import generated
from benchmarks.tables.report import MARKS, Text, block
from benchmarks.tables.table import Table
from shoal.comparison.statistics import Difference

BEGIN: Final = "<!-- ablation: begin -->"
END: Final = "<!-- ablation: end -->"

CHANGES: Final[Mapping[str, Mapping[str, Any]]] = {
    "all of it: the preset book": {"preset": "book"},
    "no embedding of numbers": {"embedding": None},
    "standard instead of robust scaling": {"scale": "standard"},
    "ReLU instead of GELU": {"activation": "relu"},
    "one hidden layer of 100": {"hidden": (100,)},
    "no dropout": {"dropout": 0.0},
    "no schedule": {"schedule": None},
    "a third of the learning rate": {"lr": 0.002},
    "no label smoothing": {"label_smoothing": 0.0},
    "no weight decay": {"weight_decay": 0.0},
    "half the epochs": {"epochs": 60},
    "twice the epochs": {"epochs": 240},
}
"""What is changed, and the constructor's words for it."""


@dataclass(frozen=True, eq=False)
class Ablation:
    """What came out.

    Attributes:
        tables: on which.
        gains: of each change over "tuned", (changes, tables, splits), more is better: points of
            accuracy, or per cent of RMSE (as 100 · log of the ratio).
    """

    tables: tuple[Table, ...]
    gains: NDArray[np.float64]


def tables() -> list[Table]:
    """Of those that "tuned" was chosen on, the ones that have new rows for every split."""
    return generated()


def measure(
    splits: int, say: Callable[[str], None] = lambda line: None, quick: bool = False
) -> Ablation:
    """Fit "tuned", and it with each change, on every split."""
    found = tables()
    changes: list[Mapping[str, Any]] = [{}, *CHANGES.values()]
    if quick:
        found, changes = [found[0], found[-1]], changes[:3]
    scores = np.full((len(changes), len(found), splits), np.nan)
    for t, table in enumerate(found):
        for split, (train, test) in enumerate(table.splits(splits)):
            say(f"{table.name}: split {split + 1} of {splits}")
            for c, change in enumerate(changes):
                scores[c, t, split] = _score(table, train, test, change, split)
    return Ablation(tuple(found), scores[1:] - scores[0])


def _score(table: Table, train: Any, test: Any, change: Mapping[str, Any], seed: int) -> float:
    """Accuracy in points, or -100 · log RMSE."""
    import shoal

    kinds = {"classification": shoal.ShoalClassifier, "regression": shoal.ShoalRegressor}
    classes = table.task == "classification"
    given = {k: v for k, v in change.items() if classes or k != "label_smoothing"}
    estimator = kinds[table.task](**({"preset": "tuned", "random_state": seed} | given))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        estimator.fit(table.x.iloc[train], table.y[train])
    score = table.score(estimator.predict(table.x.iloc[test]), test)
    return 100 * score if classes else -100 * float(np.log(score))


def worth(found: Ablation, task: str) -> list[Difference]:
    """What each change does to the mean over the tables of a task, with intervals over splits."""
    chosen = [t for t, table in enumerate(found.tables) if table.task == task]
    means = found.gains[:, chosen].mean(axis=1)
    shared = float(np.mean([found.tables[t].shared for t in chosen]))
    return differences([(row, np.zeros_like(row)) for row in means], shared)


def text(found: Ablation) -> Text:
    """One row for each change."""
    kinds = ("classification", "regression")
    told = [worth(found, kind) for kind in kinds]
    names = list(CHANGES)[: len(found.gains)]
    rows = []
    for c, name in enumerate(names):
        cells = [name]
        for each, kind in zip(told, kinds, strict=True):
            if name == "no label smoothing" and kind == "regression":
                cells.append("")
                continue
            d = each[c]
            mark = "" if not d.p < 0.05 else f" {MARKS['won' if d.mean > 0 else 'lost']}"
            cells.append(f"{d.mean:+.2f} ± {d.high - d.mean:.2f}{mark}")
        rows.append(tuple(cells))
    counted = {kind: [t.name for t in found.tables if t.task == kind] for kind in kinds}
    line = (
        f"Each row changes one setting. Accuracy: the mean change over "
        f"{', '.join(counted['classification'])}. RMSE: over {', '.join(counted['regression'])}. "
        f"{found.gains.shape[2]} splits; half widths of 95 % intervals for the mean of these very "
        "tables, adjusted for the number of rows (Holm); every split has rows of its own; "
        f"{MARKS['lost']} where the change is proved to be for the worse, {MARKS['won']} for the "
        "better."
    )
    header = ("change", "accuracy, points", "RMSE, % better (+) or worse (-)")
    return Text('What each setting of "tuned" is worth', line, header, tuple(rows))


def markdown(command: str, found: Ablation) -> str:
    """The table, to stand between the markers of a page."""
    told = text(found)
    return "\n\n".join([f"Printed by `{command}`.", *block(told)[1:]])
