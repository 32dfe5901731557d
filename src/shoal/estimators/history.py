"""What happened in `fit`: both curves of every member, and where the best weights were found."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from shoal.errors import counted

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

Values = NDArray[np.float64]
_SHOWN: Final = 8  # members in a line


@dataclass(frozen=True, eq=False)
class FitHistory:
    """The curves of a fit.

    Attributes:
        epochs: number of each epoch, from 1.
        train_loss: mean loss of the epoch's batches, as they were trained on (with dropout and
            label smoothing), (members, epochs); NaN after a member has stopped.
        evaluated: the epochs after which the validation part was looked at.
        valid: "loss", "accuracy" and so on of the validation part, (members, evaluations) each;
            empty without one.
        best_epoch: the epoch whose weights were kept, (members,).
        stopped_epoch: the epoch after which a member did not train any more, (members,).
        seconds: of the whole fit.
    """

    epochs: NDArray[np.int64]
    train_loss: Values
    evaluated: NDArray[np.int64]
    valid: dict[str, Values]
    best_epoch: NDArray[np.int64]
    stopped_epoch: NDArray[np.int64]
    seconds: float

    def __repr__(self) -> str:
        members = counted(len(self.train_loss), "member")
        epochs, kept = counted(len(self), "epoch"), self.best_epoch[:_SHOWN].tolist()
        of = "epochs" if len(self.best_epoch) > 1 else "epoch"
        more = ", …" if len(self.best_epoch) > _SHOWN else ""
        return (
            f"<FitHistory: {members}, {epochs} in {self.seconds:.1f} s, "
            f"weights of {of} {', '.join(map(str, kept))}{more} kept>"
        )

    def __len__(self) -> int:
        """Epochs."""
        return len(self.epochs)

    def to_frame(self) -> pd.DataFrame:
        """A tidy table with columns member, epoch, part, name, value."""
        import pandas as pd

        curves = [("train", "loss", self.epochs, self.train_loss)]
        curves += [("valid", name, self.evaluated, values) for name, values in self.valid.items()]
        rows = [
            (member, epoch, part, name, value)
            for part, name, epochs, values in curves
            for member in range(len(values))
            for epoch, value in zip(epochs.tolist(), values[member].tolist(), strict=True)
        ]
        return pd.DataFrame(rows, columns=["member", "epoch", "part", "name", "value"])

    def plot(self, path: str | Path | None = None) -> Figure:
        """Draw both curves; see `plot_history`."""
        from shoal.plot.fit_history import plot_fit_history

        return plot_fit_history(self, path)

    def joined(self, later: FitHistory) -> FitHistory:
        """This history with that of a later fit that went on from it."""
        after = len(self)

        def beside(a: Values, b: Values) -> Values:
            return np.concatenate([a, b], axis=1)

        both = set(self.valid) & set(later.valid)
        return FitHistory(
            np.concatenate([self.epochs, later.epochs + after]),
            beside(self.train_loss, later.train_loss),
            np.concatenate([self.evaluated, later.evaluated + after])
            if both
            else self.evaluated[:0],
            {
                name: beside(self.valid[name], later.valid[name])
                for name in self.valid
                if name in both
            },
            later.best_epoch + after,
            later.stopped_epoch + after,
            self.seconds + later.seconds,
        )

    def to_dict(self) -> dict[str, Any]:
        """Arrays and numbers by name, for a file; `from_dict` is the inverse."""
        return {
            "epochs": self.epochs,
            "train_loss": self.train_loss,
            "evaluated": self.evaluated,
            **{f"valid_{name}": values for name, values in self.valid.items()},
            "best_epoch": self.best_epoch,
            "stopped_epoch": self.stopped_epoch,
            "seconds": np.asarray(self.seconds),
        }

    @classmethod
    def from_dict(cls, plain: dict[str, Any]) -> FitHistory:
        """The inverse of `to_dict`."""
        valid = {k.removeprefix("valid_"): v for k, v in plain.items() if k.startswith("valid_")}
        names = ("epochs", "train_loss", "evaluated", "best_epoch", "stopped_epoch")
        seconds = float(plain["seconds"])
        return cls(**{name: plain[name] for name in names}, valid=valid, seconds=seconds)
