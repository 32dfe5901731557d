"""Progress on a terminal: steps, members alive and diverged, the best so far, time left."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import numpy as np

from shoal.engine.callbacks import Callback
from shoal.errors import counted

if TYPE_CHECKING:
    from shoal.engine.trainer import Trainer


class Progress(Callback):
    """A line on standard error that shows how far training is; nothing if that is no terminal.

    Args:
        title: what is being done.
        show: True or False instead of asking the terminal.
    """

    def __init__(self, title: str = "training", show: bool | None = None) -> None:
        self.title = title
        self.show = sys.stderr.isatty() if show is None else show
        self._bar: Any = None

    def on_start(self, trainer: Trainer) -> None:
        if not self.show:
            return
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
        )

        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("steps · {task.fields[state]} ·"),
            TimeRemainingColumn(),
            console=Console(stderr=True),
        )
        self._bar.start()
        self._task = self._bar.add_task(
            self.title, total=trainer.total_steps, completed=trainer.steps_done, state=""
        )
        self.on_round(trainer)

    def on_round(self, trainer: Trainer) -> None:
        if self._bar is not None:
            self._bar.update(self._task, completed=trainer.steps_done, state=state_of(trainer))

    def on_end(self, trainer: Trainer) -> None:
        if self._bar is not None:
            self.on_round(trainer)
            self._bar.stop()
            self._bar = None


def state_of(trainer: Trainer) -> str:
    """Members alive, those of them that stopped, those diverged and the best so far, in words."""
    history = trainer.history
    lost, done = history.diverged >= 0, history.stopped >= 0
    words = [counted(int((~lost).sum()), "member")]
    for count, what in ((int(done.sum()), "stopped"), (int(lost.sum()), "diverged")):
        if count:
            words.append(f"{count} {what}")
    for name, better in (
        ("valid_accuracy", np.nanmax),
        ("test_accuracy", np.nanmax),
        ("valid_loss", np.nanmin),
        ("train_loss", np.nanmin),
    ):
        if name in history.metrics:
            values = [history.curve(i, name).values for i in range(len(history.members))]
            seen = np.concatenate(values)
            if np.isfinite(seen).any():
                words.append(f"best {name.replace('_', ' ')} {better(seen):.3f}")
                break
    return " · ".join(words)
