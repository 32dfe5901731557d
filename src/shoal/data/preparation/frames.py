"""Tables of any library as pandas tables: pandas itself, polars, Arrow, and whatever else is alike.

The libraries are told apart by narwhals (narwhals-dev.github.io/narwhals), which imports none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shoal.errors import ShoalError

if TYPE_CHECKING:
    import pandas as pd


def is_table(x: object) -> bool:
    """Whether something is a table, also one that must be collected first.

    >>> import pandas as pd
    >>> is_table(pd.DataFrame()), is_table([[1.0]])
    (True, False)
    """
    import narwhals as nw
    import pandas as pd

    if isinstance(x, pd.DataFrame):  # one of ours, even if a name comes twice
        return True
    native = nw.from_native(x, pass_through=True, allow_series=False)
    return isinstance(native, nw.DataFrame | nw.LazyFrame)


def as_pandas(table: Any, name: str) -> pd.DataFrame:
    """A table of any library as one of pandas; the columns keep their kind and their gaps.

    Raises:
        ShoalError: no table, or one that has not been read yet.
    """
    import narwhals as nw
    import pandas as pd

    if isinstance(table, pd.DataFrame):
        return table
    native = nw.from_native(table, pass_through=True, allow_series=False)
    if isinstance(native, nw.LazyFrame):
        raise ShoalError(f"{name} is a lazy table; give it read, as table.collect()")
    if not isinstance(native, nw.DataFrame):
        raise ShoalError(
            f"{name} must be a table (a DataFrame of pandas or polars, an Arrow table), "
            f"not {type(table).__name__}"
        )
    return native.to_pandas()
