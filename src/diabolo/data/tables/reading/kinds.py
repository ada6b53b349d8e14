"""The kind of each column of text, decided by all of its cells: numbers, dates, times, durations, truth values, words.

A column of which 95 % or more are numbers (dates, times) is read as such, or refused with the first cell that is none.
"""

from collections.abc import Callable, Mapping, Sequence

import polars as pl

from diabolo.data.tables.reading.cells import SAMPLED, Decided, Table, mostly
from diabolo.data.tables.reading.moments import DURATION, PAIRS, TIME, durations, forms_of, stamps, times
from diabolo.data.tables.reading.numbers import MOSTLY, NUMBER, is_missing
from diabolo.data.tables.reading.quantities import is_numeric, notations_of, numbers_in, written
from diabolo.data.tables.reading.record import AS_WORDS, ColumnReading, Reading
from diabolo.errors import InputError


def decide(table: Table, names: Sequence[str], decimal: str | None = None) -> list[Decided]:
    """Decide columns of text. decimal: the sign that columns of other kinds show.

    Raises InputError that names the first cell in doubt, and the option that settles it.
    """
    asked = {name: table.asked_kind(name)[0] for name in names}
    samples = table.samples(names)
    maybe = [name for name in names if asked[name] == "number" or (not asked[name] and mostly(samples[name], NUMBER))]
    shown = {name: written(table, name) for name in maybe}
    numeric = [name for name in maybe if asked[name] or is_numeric(shown[name])]
    notations = notations_of(table, {name: shown[name] for name in numeric}, decimal)
    read = {name: numbers_in(table, name, *both) for name, both in notations.items()}
    return [read.get(name) or _others(table, name, asked[name], samples[name]) for name in names]


def _words(table: Table, name: str, kind: str = "word") -> Decided:
    form = AS_WORDS if kind == "yes/no" else ""
    return Decided(ColumnReading(name, kind, form), table.text(name).alias(name))


def _others(table: Table, name: str, asked: str, sample: pl.Series) -> Decided:
    """Decide a column that holds no numbers."""
    if asked:
        return KINDS[asked](table, name)
    if not len(sample):
        sample = table.frame.select(table.text(name)).drop_nulls().head(SAMPLED).collect().to_series()
    if mostly(sample, TIME) or mostly(sample, DURATION):
        text = table.text(name)
        there = table.counted(there=(~is_missing(text)).sum())["there"]
        fits = table.counted(time=text.str.contains(TIME).sum(), duration=text.str.contains(DURATION).sum())
        best = max(fits, key=lambda kind: fits[kind])  # the first of two that fit alike
        if there and fits[best] >= MOSTLY * there:
            return KINDS[best](table, name)
    if forms_of(sample):
        dated = _dates(table, name, sample, must=False)
        if dated is not None:
            return dated
    words = {str(word).lower() for word in sample.unique().head(9)}
    if words <= {"true", "false"}:
        others = ~is_missing(table.text(name)) & ~table.text(name).str.to_lowercase().is_in(["true", "false"])
        return _words(table, name) if table.counted(others=others.sum())["others"] else _truths(table, name)
    return _words(table, name, "yes/no" if words in [set(pair) for pair in PAIRS] else "word")


def _dates(table: Table, name: str, sample: pl.Series | None = None, *, must: bool = True) -> Decided | None:
    """Read dates in the one form that all cells have; None where there is none, unless it must be dates."""
    text = table.text(name)
    form = table.asked_kind(name)[1]
    if form:
        missed = table.counted(missed=(stamps(text, form).is_null() & ~is_missing(text)).sum())["missed"]
        if not missed or table.asked.kind(name)[1]:
            return _dated(table, name, form, missed)
    forms = forms_of(table.samples([name])[name] if sample is None else sample)
    there = ~is_missing(text)
    sums = {f"missed {one}": (stamps(text, one).is_null() & there).sum() for one in forms}
    found = table.counted(there=there.sum(), **sums)
    if not forms:
        return _dated(table, name, form or "%Y-%m-%d", 1) if must else None
    left = {one: found[f"missed {one}"] for one in forms}
    best = min(left.values())
    if best > (1 - MOSTLY) * found["there"] and not must:
        return None
    fit = [one for one in forms if left[one] == best]
    if len(fit) > 1 and table.counted(unlike=(stamps(text, fit[0]) != stamps(text, fit[1])).sum())["unlike"]:
        cell, place = table.place(name, stamps(text, fit[0]) != stamps(text, fit[1]))
        raise InputError(
            f"Column {name!r} of {table.where} holds dates that fit {' and '.join(fit[:2])}, as {cell} in {place}; say "
            f"which with --columns {name}=date:{fit[0]}"
        )
    return _dated(table, name, fit[0], best)


def _dated(table: Table, name: str, form: str, missed: int) -> Decided:
    read = stamps(table.text(name), form)
    if missed:
        raise _no_such(table, name, read, f"dates as {form}")
    values = read if any(part in form for part in ("%H", "%I")) else read.cast(pl.Date)
    return _sound(name, "date", values, form)


def _times(table: Table, name: str) -> Decided:
    return _moments(table, name, "time", times(table.text(name)))


def _durations(table: Table, name: str) -> Decided:
    return _moments(table, name, "duration", durations(table.text(name)))


def _truths(table: Table, name: str) -> Decided:
    text = table.text(name).str.to_lowercase()
    yes, no = ([pair[place] for pair in PAIRS] for place in (0, 1))
    values = pl.when(text.is_in([*yes, "1"])).then(True).when(text.is_in([*no, "0"])).then(False)
    return _moments(table, name, "yes/no", values)


def _moments(table: Table, name: str, kind: str, values: pl.Expr) -> Decided:
    bad = values.is_null() & ~is_missing(table.text(name))
    if table.counted(bad=bad.sum())["bad"]:
        raise _no_such(table, name, values, {"yes/no": "yes and no"}.get(kind, f"{kind}s"))
    return _sound(name, kind, values)


def _sound(name: str, kind: str, values: pl.Expr, form: str = "") -> Decided:
    return Decided(ColumnReading(name, kind, form), values.alias(name))


def _no_such(table: Table, name: str, values: pl.Expr, kinds: str) -> InputError:
    cell, place = table.place(name, values.is_null() & ~is_missing(table.text(name)))
    return InputError(
        f"Column {name!r} of {table.where} holds {kinds}, and {cell} in {place} is none; correct that cell, or say "
        f"another kind with --columns, as --columns {name}=word."
    )


def _forced_dates(table: Table, name: str) -> Decided:
    found = _dates(table, name)
    assert found is not None
    return found


KINDS: Mapping[str, Callable[[Table, str], Decided]] = {
    "word": _words,
    "date": _forced_dates,
    "time": _times,
    "duration": _durations,
    "yes/no": _truths,
}
"""By kind: what reads a column of text as that kind; numbers are read together, as one may settle another."""


def as_read(before: Reading | None, name: str) -> bool:
    """Return whether a column is to be read as text first: the model's own table had it in no plain notation."""
    known = None if before is None else before.column(name)
    return known is not None and not known.plain
