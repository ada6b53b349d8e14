"""Data frames of any library (pandas, polars, Arrow) on their way in and out, by narwhals."""

from dataclasses import dataclass
from typing import Any, cast

import polars as pl

from diabolo.data.source import ArraySource
from diabolo.data.tables.encoding import fits
from diabolo.data.tables.files import check_kinds, check_shape, check_values, is_number
from diabolo.data.tables.frames import FrameSource, TableArray, in_memory
from diabolo.data.tables.reading.dialect import check_names
from diabolo.errors import InputError

WHAT = "the data frame"


@dataclass(frozen=True)
class Opened:
    """source: of numbers where every column is and no value lacks, else of frames. frame: as scikit-learn takes it.

    names: of the columns. library: 'pandas', 'polars' or 'pyarrow'.
    """

    source: FrameSource | ArraySource
    frame: Any
    names: tuple[str, ...]
    library: str


def is_frame(thing: Any) -> bool:
    """Return whether something is a data frame of any library, and no array."""
    import narwhals as nw

    return isinstance(nw.from_native(thing, pass_through=True), nw.DataFrame | nw.LazyFrame)


def open_frame(frame: Any) -> Opened:
    """Return a data frame as samples.

    Raises InputError if it is no eager data frame, is empty, or has columns that share a name, hold lists and the
    like, or infinite values.
    """
    table, library = as_polars(frame)
    check_shape(len(table), len(table.columns), WHAT)
    kinds = dict(table.schema.items())
    check_kinds([name for name, dtype in kinds.items() if not fits(dtype)], WHAT)
    full = check_values(table.lazy(), kinds, WHAT)
    names = tuple(table.columns)
    if not full or not all(is_number(dtype) for dtype in kinds.values()):
        return Opened(in_memory(table), frame, names, library)
    array = table.cast(pl.Float64).to_numpy(order="c")
    return Opened(TableArray(array, in_memory(table)), table if library == "pyarrow" else frame, names, library)


def as_polars(frame: Any) -> tuple[pl.DataFrame, str]:
    """Return a data frame of any library as one of polars, and the library's name.

    Raises InputError if it is no eager data frame, or a column holds values of several kinds.
    """
    import narwhals as nw

    check_names(_names(frame), WHAT)
    try:
        table = nw.from_native(frame, eager_only=True)
        library = str(table.implementation.value)
        pairs = zip(table.columns, table.iter_columns(), strict=True)
        return pl.DataFrame({str(name): _series(values) for name, values in pairs}), library
    except (TypeError, ValueError, OverflowError, pl.exceptions.PolarsError, nw.exceptions.NarwhalsError) as error:
        reason = " ".join(str(error).strip().split("\n\n")[0].split()).rstrip(".:")
        given = type(frame).__name__
        raise InputError(
            f"{WHAT} must be collected, with one name a column and one kind of values in each; got {given}: {reason}."
        ) from error


def _names(frame: Any) -> list[str]:
    """Return the names of a frame's columns, as far as it says them: pandas and Arrow allow one name twice."""
    lazy = hasattr(frame, "collect")  # to name its columns a lazy one would have to be worked out
    names = getattr(frame, "column_names", None)
    return [] if lazy else [str(name) for name in (getattr(frame, "columns", ()) if names is None else names)]


def _series(values: Any) -> pl.Series:
    """Return a column of any library as polars has it."""
    import narwhals as nw

    if isinstance(values.to_native(), pl.Series):
        return cast(pl.Series, values.to_native())
    if values.dtype in (nw.Categorical, nw.Enum):
        values = values.cast(nw.String)
    gaps = values.is_null()
    if (values.dtype.is_numeric() or values.dtype == nw.Boolean) and not gaps.any():
        return pl.Series(values.to_numpy())
    pairs = zip(values.to_list(), gaps.to_list(), strict=True)
    return pl.Series([None if gap else value for value, gap in pairs], strict=True)


def as_library(frame: pl.DataFrame, library: str) -> Any:
    """Return a data frame as one of another library."""
    import narwhals as nw

    if library == "polars":
        return frame
    backend = nw.Implementation.from_string(library)
    return nw.from_dict(frame.to_dict(as_series=False), backend=backend).to_native()  # type: ignore[arg-type]
