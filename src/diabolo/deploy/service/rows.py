"""Rows as JSON in, their answers out: the service's own way, without tensors."""

import asyncio
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from diabolo.data.tables.values import Refusal, Row
from diabolo.deploy.runtime.table import Answer, Scored
from diabolo.deploy.service.bodies import RefusedError, json_of
from diabolo.deploy.service.metrics import Metrics
from diabolo.deploy.service.settings import Settings
from diabolo.deploy.service.shelf import Served, Shelf

FEW = 16
"""Rows that are scored at once; more of them wait for the one thread that scores, and other requests go on."""


class Scoring:
    """The models of a service at work on rows of requests."""

    def __init__(self, shelf: Shelf, settings: Settings, metrics: Metrics) -> None:
        self.shelf, self.settings, self.metrics = shelf, settings, metrics
        self.thread = ThreadPoolExecutor(1, thread_name_prefix="scoring")

    def served(self, request: Request) -> Served:
        """Return the model that a request names, or the only one. Raises RefusedError if there is none."""
        models, name = self.shelf.models, request.path_params.get("model")
        if name is None and len(models) == 1:
            return next(iter(models.values()))
        if not isinstance(name, str) or name not in models:
            asked = f"no model {name}" if name else "more than one model; ask for /models/NAME/score"
            raise RefusedError(404, f"There is {asked}; there are {', '.join(models)}.")
        return models[name]

    async def score(self, served: Served, rows: Sequence[Row], *, reasons: bool) -> Scored:
        """Return the answers to rows, and count them. Raises RefusedError for more rows than are taken."""
        if len(rows) > self.settings.most_rows:
            most = f"at most {self.settings.most_rows:,} are taken"
            raise RefusedError(413, f"The request has {len(rows):,} rows; {most}.")
        if len(rows) <= FEW:
            found = self._scored(served, rows, reasons)
        else:
            loop = asyncio.get_running_loop()
            found = await loop.run_in_executor(self.thread, self._scored, served, rows, reasons)
        count = self.metrics.rows.labels
        count(served.name, "scored").inc(len(found.answers))
        count(served.name, "refused").inc(len({each.row for each in found.refused}))
        self.metrics.alerts.labels(served.name).inc(sum(answer.alert for answer in found.answers))
        return found

    @staticmethod
    def _scored(served: Served, rows: Sequence[Row], reasons: bool) -> Scored:
        return served.model.score(rows, reasons=reasons, look=served.hour.add)

    async def rows(self, request: Request) -> Response:
        """Answer POST /score and /models/NAME/score: 200, or 422 if a row is refused; the others are scored."""
        served, body = self.served(request), await json_of(request, self.settings.most_bytes)
        rows, reasons = body.get("rows"), body.get("reasons", True)
        if not isinstance(rows, list) or not rows or not all(isinstance(row, dict | list) for row in rows):
            raise RefusedError(400, 'The body must be {"rows": [...]}: each an object of columns, or a list of values.')
        if not isinstance(reasons, bool) or set(body) - {"rows", "reasons"}:
            raise RefusedError(400, 'Beside "rows" the body may have "reasons": true or false, and nothing else.')
        found = await self.score(served, rows, reasons=reasons)
        answer = {
            "model": served.name,
            "version": served.version,
            "threshold": served.model.threshold,
            "rows": [answered(each) for each in found.answers],
            "refused": [refused(each) for each in found.refused],
        }
        return JSONResponse(answer, 422 if found.refused else 200)

    def close(self) -> None:
        self.thread.shutdown()


def answered(answer: Answer) -> Mapping[str, Any]:
    """Return an answer in JSON's types."""
    reasons = [asdict(reason) for reason in answer.reasons]
    own = {name: getattr(answer, name) for name in ("row", "score", "p_value", "alert")}
    return {**own, "reasons": reasons}


def refused(refusal: Refusal) -> Mapping[str, Any]:
    """Return a refusal in JSON's types."""
    return asdict(refusal)
