"""What a service counts, as Prometheus reads it."""

import os
from collections.abc import Iterator

import numpy as np
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from diabolo.deploy.service.settings import SHARED
from diabolo.deploy.service.shelf import Shelf

SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)


class Metrics:
    """Requests, latencies, rows and alerts of one service, in a registry of its own."""

    def __init__(self, shelf: Shelf) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter("diabolo_requests", "Requests.", ["path", "status"], registry=self.registry)
        self.seconds = Histogram(
            "diabolo_request_seconds", "Seconds of a request.", ["path"], buckets=SECONDS, registry=self.registry
        )
        self.rows = Counter("diabolo_rows", "Rows, scored or refused.", ["model", "result"], registry=self.registry)
        self.alerts = Counter("diabolo_alerts", "Rows that raised an alert.", ["model"], registry=self.registry)
        self.drift = _Drift(shelf)
        self.registry.register(self.drift)

    def text(self) -> bytes:
        """Return what is counted: by all workers, where there are several; drift by the one that is asked."""
        if SHARED not in os.environ:
            return generate_latest(self.registry)
        shared = CollectorRegistry()
        MultiProcessCollector(shared)  # type: ignore[no-untyped-call]
        shared.register(self.drift)
        return generate_latest(shared)


class _Drift(Collector):
    """The drift of the last hour, worked out when it is asked for."""

    def __init__(self, shelf: Shelf) -> None:
        self.shelf = shelf

    def collect(self) -> Iterator[GaugeMetricFamily]:
        drift = GaugeMetricFamily(
            "diabolo_drift",
            "Kolmogorov and Smirnov's distance of the last hour's rows from the training data, 0 to 1.",
            labels=["model", "column"],
        )
        rows = GaugeMetricFamily("diabolo_rows_last_hour", "Rows of the last hour.", labels=["model"])
        failed = GaugeMetricFamily("diabolo_model_failed", "1: a new file could not be used.", labels=["model"])
        for name, served in self.shelf.models.items():
            count, distances = served.hour.drift()
            rows.add_metric([name], count)
            failed.add_metric([name], float(name in self.shelf.failed))
            by_column = np.maximum.reduceat(distances, np.searchsorted(served.model.owners, range(served.model.width)))
            for column, distance in zip(served.model.columns, by_column, strict=True):
                drift.add_metric([name, column], float(distance))
        yield from (drift, rows, failed)
