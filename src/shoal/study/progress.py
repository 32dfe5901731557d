"""Progress of a search on a terminal: trials ended, in training, dropped; the best so far."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from shoal.engine import Callback

if TYPE_CHECKING:
    from shoal.engine import Trainer
    from shoal.study.runner import Runner


class SearchProgress(Callback):
    """A line on standard error; nothing if that is no terminal.

    Args:
        show: True or False instead of asking the terminal.
    """

    def __init__(self, show: bool | None = None) -> None:
        self.on = sys.stderr.isatty() if show is None else show
        self._bar: Any = None
        self._task: Any = None

    def __enter__(self) -> Self:
        if self.on:
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

            self._bar = Progress(
                TextColumn("searching"),
                BarColumn(bar_width=24),
                TextColumn("{task.fields[state]} ·"),
                TimeElapsedColumn(),
                console=Console(stderr=True),
            )
            self._bar.start()
            self._task = self._bar.add_task("searching", total=1.0, state="")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def on_round(self, trainer: Trainer) -> None:
        """Keep the clock going while a wave trains."""
        if self._bar is not None:
            self._bar.refresh()

    def show(self, runner: Runner) -> None:
        """After every rung."""
        if self._bar is not None:
            ended = sum(trial.state != "running" for trial in runner.trials)
            self._bar.update(
                self._task, completed=ended / runner.plan.trials, state=state_of(runner)
            )


def state_of(runner: Runner) -> str:
    """How far a search is, in a few words."""
    states = [trial.state for trial in runner.trials]
    words = [f"{len(states)}/{runner.plan.trials} trials"]
    words += [f"{states.count(s)} {s}" for s in ("running", "dropped", "diverged") if s in states]
    done = [t for t in runner.trials if t.metrics and t.state != "diverged"]
    if done:
        best = max(done, key=lambda t: (t.budget, t.key))
        metric = runner.plan.metric
        words.append(f"best {metric.label} {best.metrics[metric.name]:.4g}")
    words.append(f"{runner.spent} {runner.plan.unit}")
    return " · ".join(words)
