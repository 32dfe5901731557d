"""`shoal inspect`: what is in a model file."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from shoal.cli.options import AsJson, to_json
from shoal.errors import counted


def inspect(
    model: Annotated[
        str, typer.Argument(metavar="MODEL.shoal", help="A model that `shoal fit` or save wrote.")
    ],
    as_json: AsJson = False,
) -> None:
    """Say what a model predicts from what, how it was trained, and by which versions.

    Nothing that stands in the file is run.
    """
    from shoal.estimators.file import read_model

    file = read_model(model)
    print(to_json(_facts(model, file)) if as_json else _text(model, file))


def _facts(path: str, file: Any) -> dict[str, Any]:
    """Everything but the weights, for machines."""
    model = file.model
    preparation = model.preparation
    summary = _summary(model)
    recipe, history = file.learnt.get("recipe_"), file.learnt.get("history_")
    return {
        "model": path,
        "estimator": file.estimator,
        "task": model.task,
        "targets": list(model.targets),
        "classes": None if model.classes is None else model.classes.tolist(),
        "columns": [
            {"name": c.name, "kind": c.kind, "low": c.low, "high": c.high, "levels": c.levels}
            for c in getattr(preparation, "expected", ())
        ]
        or list(preparation.columns),
        "shape": list(preparation.shape),
        "inputs": list(model.in_shape),
        "members": model.members,
        "network": repr(model.network),
        "parameters": summary.parameters,
        "temperature": model.temperature if model.classes is not None else None,
        "validation_rows_for_intervals": 0 if model.conformal is None else len(model.conformal),
        "recipe": None if not hasattr(recipe, "to_dict") else recipe.to_dict(),
        "epochs": None if history is None else len(history),
        "best_epoch": None if history is None else history.best_epoch.tolist(),
        "versions": file.versions,
    }


def _summary(model: Any) -> Any:
    from shoal.nn.summary import summarise

    return summarise(model.network, model.in_shape)


def _text(path: str, file: Any) -> str:
    """The same for people: facts, columns, layers."""
    model = file.model
    inputs = counted(math.prod(model.in_shape), "input")
    facts = [
        ("model", f"{path} ({file.estimator or 'Model'})"),
        ("task", model.task),
        ("target", ", ".join(model.targets) or "has no name"),
        *_outputs(model),
        ("inputs", f"{_raw(model.preparation)}, {inputs} of the network"),
        ("networks", counted(model.members, "member") + (", mean of all" * (model.members > 1))),
        *_training(file),
        ("written by", ", ".join(f"{name} {text}" for name, text in file.versions.items())),
    ]
    blocks = [_aligned(facts)]
    columns = _columns(model.preparation)
    if columns:
        blocks.append(_aligned(columns))
    blocks.append(str(_summary(model)))
    return "\n\n".join(blocks)


def _outputs(model: Any) -> list[tuple[str, str]]:
    """What it says."""
    if model.classes is not None:
        several = model.task == "multilabel" and model.targets
        names = list(model.targets) if several else model.classes.tolist()
        listed = ", ".join(map(str, names[:12]))
        more = ", …" if len(model.classes) > 12 else ""
        temperature = f"{model.temperature:.3g}"
        return [
            (
                "labels" if model.task == "multilabel" else "classes",
                f"{len(model.classes)}: {listed}{more}",
            ),
            ("probabilities", f"at temperature {temperature}"),
        ]
    rows = 0 if model.conformal is None else len(model.conformal)
    said = f"from {counted(rows, 'validation row')}" if rows else "none: no validation rows"
    return [("intervals", said)]


def _raw(preparation: Any) -> str:
    """What comes in."""
    if len(preparation.shape) > 1:
        return f"images {preparation.shape}"
    return counted(preparation.shape[0], "column")


def _training(file: Any) -> list[tuple[str, str]]:
    """How it was trained, if the file says so."""
    recipe, history = file.learnt.get("recipe_"), file.learnt.get("history_")
    facts = []
    if hasattr(recipe, "optimizer"):
        facts.append(("recipe", repr(recipe)))
    if history is not None:
        best = history.best_epoch
        epochs = f"{best.min()}" if best.min() == best.max() else f"{best.min()} to {best.max()}"
        trained = f"{counted(len(history), 'epoch')} in {history.seconds:.1f} s"
        facts.append(("training", f"{trained}, weights of epoch {epochs}"))
    return facts


def _columns(preparation: Any) -> list[tuple[str, ...]]:
    """Header and rows of the table of columns; none for arrays."""
    expected = getattr(preparation, "expected", ())
    if not expected:
        return []
    levels = {column.name: column for column in preparation.levels}
    rows = []
    for c in expected:
        if c.kind == "level":
            known = levels[c.name]
            shown = ", ".join(known.levels[:6]) + (", …" if len(known.levels) > 6 else "")
            rows.append((c.name, c.kind, f"{len(known.levels)}: {shown}"))
        elif c.low is None or c.high is None:
            rows.append((c.name, c.kind, "no values"))
        else:
            rows.append((c.name, c.kind, f"{c.low:.6g} to {c.high:.6g}"))
    return [("column", "kind", "values in training"), *rows]


def _aligned(rows: Sequence[tuple[str, ...]]) -> str:
    """Cells one below the other."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )
