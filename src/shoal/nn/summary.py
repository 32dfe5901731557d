"""What a network is made of, as a table."""

from __future__ import annotations

import math
from dataclasses import dataclass

from shoal.nn.arrays import Shape
from shoal.nn.network import Network


@dataclass(frozen=True)
class Row:
    """One layer of a summary."""

    layer: str
    out_shape: Shape
    parameters: int
    multiply_adds: int


@dataclass(frozen=True)
class Summary:
    """One row per layer; `print` shows the table with its totals."""

    in_shape: Shape
    rows: tuple[Row, ...]

    @property
    def parameters(self) -> int:
        """Trained parameters of one network."""
        return sum(row.parameters for row in self.rows)

    @property
    def multiply_adds(self) -> int:
        """Multiplications with addition for one row, forward."""
        return sum(row.multiply_adds for row in self.rows)

    def __str__(self) -> str:
        lines = [
            ("layer", "output", "parameters", "multiply-adds"),
            ("Input", _shape(self.in_shape), "", ""),
            *(
                (r.layer, _shape(r.out_shape), f"{r.parameters:,}", f"{r.multiply_adds:,}")
                for r in self.rows
            ),
            ("total", "", f"{self.parameters:,}", f"{self.multiply_adds:,}"),
        ]
        widths = [max(len(line[i]) for line in lines) for i in range(4)]
        return "\n".join(
            "  ".join(
                cell.ljust(w) if i < 2 else cell.rjust(w)
                for i, (cell, w) in enumerate(zip(line, widths, strict=True))
            ).rstrip()
            for line in lines
        )

    __repr__ = __str__


def summarise(network: Network, in_shape: Shape) -> Summary:
    """The summary of a network that is bound to rows of `in_shape`.

    >>> from shoal.nn import mlp
    >>> print(summarise(mlp([100]).bind((28, 28), 10), (28, 28)))
    layer        output   parameters  multiply-adds
    Input        28 × 28
    Flatten      784               0              0
    Affine(100)  100          78,500         78,400
    ReLU         100               0              0
    Affine(10)   10            1,010          1,000
    total                     79,510         79,400
    """
    rows = []
    shape = in_shape
    for layer in network.layers:
        count = sum(math.prod(p.shape) for p in layer.parameters(shape).values() if p.trained)
        work = layer.multiply_adds(shape)
        name = type(layer).__name__
        sizes = [getattr(layer, size, None) for size in ("units", "rate", "filters", "size")]
        detail = ", ".join(str(size) for size in sizes if size)
        shape = layer.out_shape(shape)
        rows.append(Row(f"{name}({detail})" if detail else name, shape, count, work))
    return Summary(in_shape, tuple(rows))


def _shape(shape: Shape) -> str:
    return " × ".join(map(str, shape))
