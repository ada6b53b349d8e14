"""The events of a series as a table, and in words."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from diabolo.errors import ArgumentError
from diabolo.jobs.detect.events import Event, Merging, adapted, events_of
from diabolo.jobs.detect.listing.alerts import Ranking
from diabolo.jobs.detect.rules import Rule
from diabolo.jobs.detect.thresholds import p_values

if TYPE_CHECKING:
    import polars as pl


def merging(window: int, gap: int | None, least: str | None, mute: int) -> Merging:
    """Return how alerts become events. gap: None is half a window. least: 'M/N', M alerts in N steps begin one.

    Raises ArgumentError for anything else.
    """
    parts = (least or "1/1").split("/")
    if len(parts) != 2 or not all(part.isdecimal() for part in parts):
        raise ArgumentError(f"--at-least must be M/N, as 3/5: 3 alerts in 5 steps begin an event; got {least!r}.")
    return Merging(window // 2 if gap is None else gap, int(parts[0]), int(parts[1]), mute)


def following(table: Ranking, rule: Rule) -> Ranking:
    """Return the steps with the alerts that an adaptive threshold leaves."""
    return replace(table, raised=adapted(table.scores, table.raised, rule))


def event_table(table: Ranking, how: Merging) -> "pl.DataFrame":
    """Return a row for each event, in order: start, end, peak, alerts, score, p_value, times, columns.

    times: the score over that which 1 % of normal blocks exceed.
    """
    import polars as pl

    events = events_of(table.scores, table.raised, how)
    scores = np.array([one.score for one in events])
    usual = float(np.quantile(table.calibration, 0.99)) or 1.0
    return pl.DataFrame(
        {
            "start": pl.Series([one.start for one in events], dtype=pl.Int64),
            "end": pl.Series([one.end for one in events], dtype=pl.Int64),
            "peak": pl.Series([one.peak for one in events], dtype=pl.Int64),
            "alerts": pl.Series([one.alerts for one in events], dtype=pl.Int64),
            "score": pl.Series(scores, dtype=pl.Float64),
            "p_value": pl.Series(p_values(scores, table.calibration), dtype=pl.Float64),
            "times": pl.Series(scores / usual, dtype=pl.Float64),
            "columns": pl.Series([table.told[one.peak] for one in events], dtype=pl.String),
        }
    )


def event_lines(events: "pl.DataFrame", shown: int) -> Sequence[str]:
    """Return the highest events in words, one a line."""
    return [
        f"  steps {row['start']:,} to {row['end']:,}, highest at {row['peak']:,}: score {row['score']:.4g}, "
        f"p = {row['p_value']:.2g}, {row['times']:.1f} times what 1 in 100 normal blocks reaches. {row['columns']}"
        for row in events.sort("score", descending=True).head(shown).iter_rows(named=True)
    ]


def event_text(event: Event) -> str:
    """Return an event of a stream in a line: when it begins, and when it has ended."""
    if not event.ended:
        return f"event begins: step {event.start}, score {event.score:.4g}"
    return (
        f"event ended: steps {event.start} to {event.end}, highest at {event.peak} with {event.score:.4g}, "
        f"{event.alerts} alerts"
    )
