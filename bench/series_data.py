"""Labelled series for `detect_series.py`, and VUS-PR by its recipe.

Data: DIABOLO_DATA (nab.zip, telemetry.zip). Of a file of NAB the first 15 %, at most 750 steps, are to learn from
(Lavin and Ahmad 2015); the telemetry comes with a normal part, and its value column is scored.
"""

import io
import json
import os
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

DATA = Path(os.environ.get("DIABOLO_DATA", "data"))
PROBATION, MOST_PROBATION, THRESHOLDS = 0.15, 750, 250
Array = np.ndarray


@dataclass(frozen=True)
class Series:
    """name; train: normal steps (n, channels); test: steps to score; labels: (steps,), True is anomalous."""

    name: str
    train: Array
    test: Array
    labels: Array


def nab() -> Iterator[Series]:
    """Yield the files of NAB that have an anomaly behind the part to learn from."""
    with zipfile.ZipFile(DATA / "nab.zip") as file:
        windows = json.loads(file.read("labels/combined_windows.json"))
        for name, spans in sorted(windows.items()):
            table = pl.read_csv(io.BytesIO(file.read(f"data/{name}")), try_parse_dates=True)
            clock = table["timestamp"].cast(pl.Datetime("us"))
            labels = np.zeros(len(table), bool)
            for start, end in spans:
                within = clock.is_between(*(_time(text) for text in (start, end)))
                labels |= within.to_numpy()
            values = table["value"].to_numpy().astype(np.float64)[:, None]
            count = min(MOST_PROBATION, int(PROBATION * len(values)))
            if labels[count:].any():
                yield Series(Path(name).stem, values[:count], values[count:], labels[count:])


def _time(text: str) -> pl.Expr:
    return pl.lit(text).str.to_datetime("%Y-%m-%d %H:%M:%S%.f")


def telemetry() -> Iterator[Series]:
    """Yield the value of each channel."""
    with zipfile.ZipFile(DATA / "telemetry.zip") as file:
        table = pl.read_csv(io.BytesIO(file.read("labels.csv")))
        spans: dict[str, list[list[int]]] = {}
        for name, text in zip(table["chan_id"], table["anomaly_sequences"], strict=True):
            spans.setdefault(name, []).extend(json.loads(text))
        inside = set(file.namelist())
        for name in sorted(spans):
            if f"test/{name}.npy" not in inside:
                continue
            train, test = (np.load(io.BytesIO(file.read(f"{part}/{name}.npy")))[:, :1] for part in ("train", "test"))
            labels = np.zeros(len(test), bool)
            for start, end in spans[name]:
                labels[start : end + 1] = True
            yield Series(name, train.astype(np.float64), test.astype(np.float64), labels)


def period(values: Array) -> int:
    """Return L of VUS (TSB-AD's `find_length_rank`, the strongest): a maximum of the autocorrelation, or 125."""
    values = values[:20_000] - values[:20_000].mean()
    size = 1 << (2 * len(values) - 1).bit_length()
    spectrum = np.fft.rfft(values, size)
    found = np.fft.irfft(spectrum * spectrum.conj(), size)[: min(401, len(values))]
    if not found[0] > 0:
        return 125
    found = (found / found[0])[3:]
    tops = np.flatnonzero((found[1:-1] > found[:-2]) & (found[1:-1] > found[2:])) + 1
    if not len(tops):
        return 125
    best = int(tops[found[tops].argmax()])
    return best + 3 if 3 <= best <= 300 else 125


def vus_pr(labels: Array, scores: Array, length: int) -> float:
    """Return the volume under the surface of precision and recall (Paparrizos et al. 2022), as TSB-AD computes it.

    For each l of 0..length the borders of the true segments are softened by sqrt(1 - d / l), d up to l // 2.
    """
    labels = labels.astype(bool)
    ranks = np.linspace(0, len(scores) - 1, THRESHOLDS).astype(int)
    thresholds = -np.sort(-scores)[ranks]
    first = np.searchsorted(-thresholds, -scores, side="left")  # the first threshold that lets each step pass
    predicted = np.cumsum(np.bincount(first, minlength=THRESHOLDS + 1))[:THRESHOLDS]
    edges = np.flatnonzero(np.diff(np.concatenate([[False], labels, [False]]).astype(int))).reshape(-1, 2)
    segments, total = [(start, end - 1) for start, end in edges], []
    for soft in range(length + 1):
        weights = _softened(labels, segments, soft)
        chosen = weights > 0
        hits = np.cumsum(np.bincount(first[chosen], weights[chosen], minlength=THRESHOLDS + 1))[:THRESHOLDS]
        inside = chosen & ~labels
        others = np.cumsum(np.bincount(first[inside], weights[inside], minlength=THRESHOLDS + 1))[:THRESHOLDS]
        wide = _widened(len(labels), segments, soft)
        begun = np.sort([first[start : end + 1].min() for start, end in wide])
        touched = np.searchsorted(begun, np.arange(THRESHOLDS), side="right") / len(wide)
        positives = labels.sum() + others / 2
        recall = np.minimum(hits / positives, 1) * touched
        total.append(float(np.diff(recall, prepend=0.0) @ (hits / predicted)))
    return float(np.mean(total))


def _softened(labels: Array, segments: list[tuple[int, int]], soft: int) -> Array:
    found = labels.astype(np.float64)
    for start, end in segments if soft > 1 else []:
        after = np.arange(end + 1, min(end + soft // 2 + 1, len(labels)))
        found[after] += np.sqrt(1 - (after - end) / soft)
        before = np.arange(max(start - soft // 2, 0), start)
        found[before] += np.sqrt(1 - (start - before) / soft)
    return np.minimum(found, 1)


def _widened(count: int, segments: list[tuple[int, int]], soft: int) -> list[tuple[int, int]]:
    half, found = soft // 2, []
    for start, end in segments:
        if found and start - half <= found[-1][1]:
            found[-1] = (found[-1][0], end + half)
        else:
            found.append((max(start - half, 0), end + half))
    found[-1] = (found[-1][0], min(found[-1][1], count - 1))
    return found
