"""All pictures of a study, by kind."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shoal.errors import ShoalError, check_choice, unknown
from shoal.plot.best_so_far import plot_best_so_far
from shoal.plot.importance import plot_importance
from shoal.plot.isolation import plot_isolation
from shoal.plot.parallel import plot_parallel
from shoal.plot.phase import phase_pairs, plot_phase

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from shoal.study import Study
    from shoal.study.space import Dimension

KINDS: dict[str, Callable[..., Figure]] = {
    "progress": plot_best_so_far,
    "isolation": plot_isolation,
    "phase": plot_phase,
    "parallel": plot_parallel,
    "importance": plot_importance,
}
"""By the names that `Study.plot(kind=...)` takes."""


def plot_study(
    study: Study,
    path: str | Path | None = None,
    kind: str | None = None,
    dimensions: Sequence[str] | None = None,
) -> Any:
    """One picture of a study, or all of them into a folder; see `Study.plot`.

    Raises:
        ShoalError: no such kind, nothing to draw, or a file that cannot be written.
    """
    if kind is not None:
        check_choice("kind", kind, list(KINDS))
    folder = None if path is None or Path(path).suffix else Path(path)
    if folder is None:
        kind = kind or "isolation"
        return KINDS[kind](study, path, **_given(kind, dimensions))
    if dimensions is not None:
        raise ShoalError(f"{folder} is a folder, which gets all pictures; for some dimensions "
                         "give a file, such as picture.png")  # fmt: skip
    if kind is not None:
        raise ShoalError(f"{folder} is a folder, which gets all pictures; for kind={kind!r} alone "
                         "give a file, such as picture.png")  # fmt: skip
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ShoalError(f"cannot make {folder}: {error.strerror}") from None
    drawn = []
    for name in drawable(study):
        file = folder / f"{name}.png"
        KINDS[name](study, file)
        drawn.append(file)
    return drawn


def _given(kind: str, dimensions: Sequence[str] | None) -> dict[str, Any]:
    """What a picture is told of the dimensions that were asked for."""
    if dimensions is None:
        return {}
    if isinstance(dimensions, str) or not isinstance(dimensions, Sequence) or not dimensions:
        raise ShoalError(f"dimensions={dimensions!r} must be a list of paths")
    if kind in ("isolation", "parallel"):
        return {"dimensions": dimensions}
    if kind != "phase":
        raise ShoalError(f"kind={kind!r} has no choice of dimensions; isolation, phase and "
                         "parallel have")  # fmt: skip
    if len(dimensions) > 2:
        raise ShoalError(f"dimensions={list(dimensions)!r}: a phase map has two")
    return dict(zip(("y",) if len(dimensions) == 1 else ("x", "y"), dimensions, strict=True))


def drawable(study: Study) -> list[str]:
    """The kinds of pictures that this study has something for."""
    if not study.ranked:
        return []
    there = {
        "progress": any(rung.trial is not None for rung in study.rungs),
        "isolation": True,
        "phase": bool(phase_pairs(study)),
        "parallel": len(study.space.dimensions) > 1,
        "importance": study.importance is not None,
    }
    return [name for name in KINDS if there[name]]


def chosen_dimensions(study: Study, paths: Sequence[str] | None, most: int) -> list[Dimension]:
    """The dimensions to draw: those asked for, or the ones that matter most.

    Raises:
        ShoalError: no such dimension, or no trial that came through.
    """
    if not study.ranked:
        raise ShoalError("no trial came through, so there is nothing to draw")
    known = [dimension.path for dimension in study.space.dimensions]
    if paths is None:
        found = study.importance
        paths = list(found.main) if found is not None else known
    for path in paths:
        if path not in known:
            raise unknown("dimension", path, known)
    return [study.space[path] for path in list(paths)[:most]]
