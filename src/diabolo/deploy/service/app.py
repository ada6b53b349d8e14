"""The service as an ASGI application: its paths, and what every request passes first."""

import asyncio
import contextlib
import hmac
import sys
import time
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from diabolo.deploy.service.bodies import RefusedError
from diabolo.deploy.service.describe import openapi, page
from diabolo.deploy.service.inference import Inference
from diabolo.deploy.service.metrics import Metrics
from diabolo.deploy.service.rows import Scoring
from diabolo.deploy.service.settings import Settings
from diabolo.deploy.service.shelf import Shelf

Endpoint = Callable[[Request], Awaitable[Response]]


class Door:
    """What every request passes: the token, the bound on requests in work, the time it may take; and it is counted."""

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self.settings, self.metrics, self.inside = settings, metrics, 0

    def guarded(self, path: str, endpoint: Endpoint, *, free: bool = False) -> Endpoint:
        """Return an endpoint behind this door. free: no token is asked for, and it is answered however many wait."""

        async def answer(request: Request) -> Response:
            start = time.perf_counter()
            try:
                response = await (endpoint(request) if free else self._within(endpoint, request))
            except RefusedError as refused:
                response = refused.response()
            except Exception:
                traceback.print_exc(file=sys.stderr)
                response = JSONResponse({"error": "The service failed; its log says where."}, 500)
            self.metrics.requests.labels(path, response.status_code).inc()
            self.metrics.seconds.labels(path).observe(time.perf_counter() - start)
            return response

        return answer

    async def _within(self, endpoint: Endpoint, request: Request) -> Response:
        token = f"Bearer {self.settings.token}".encode()
        if self.settings.token and not hmac.compare_digest(
            request.headers.get("authorization", "").encode("latin-1"), token
        ):
            raise RefusedError(401, "A token is needed: the header Authorization: Bearer TOKEN.")
        if self.inside >= self.settings.waiting:
            raise RefusedError(429, f"{self.inside} requests are in work, which is the most; try again in a second.")
        self.inside += 1
        try:
            async with asyncio.timeout(self.settings.seconds):
                return await endpoint(request)
        except TimeoutError as error:
            raise RefusedError(503, f"The request took more than {self.settings.seconds:g} seconds.") from error
        finally:
            self.inside -= 1


class Service:
    """Models, behind a door; `app` is what an ASGI server runs. say: takes the lines of a log."""

    def __init__(self, shelf: Shelf, settings: Settings, say: Callable[[str], object] = print) -> None:
        self.shelf, self.settings, self.say, self.ready = shelf, settings, say, False
        self.metrics = Metrics(shelf)
        self.scoring, self.door = Scoring(shelf, settings, self.metrics), Door(settings, self.metrics)
        self.app = Starlette(routes=self._routes(), lifespan=self._lifespan, exception_handlers={HTTPException: _other})

    def _routes(self) -> list[Route]:
        inference = Inference(self.scoring)
        model = "/v2/models/{model}"
        paths: list[tuple[str, str, Endpoint, bool]] = [
            ("GET", "/health", self._health, True),
            ("GET", "/ready", self._ready, True),
            ("GET", "/metrics", self._metrics, False),
            ("GET", "/", self._page, True),
            ("GET", "/openapi.json", self._openapi, True),
            ("GET", "/models", self._models, False),
            ("POST", "/score", self.scoring.rows, False),
            ("POST", "/models/{model}/score", self.scoring.rows, False),
            ("GET", "/v2", inference.server, True),
            ("GET", "/v2/health/live", self._health, True),
            ("GET", "/v2/health/ready", self._ready, True),
            ("GET", model, inference.model, False),
            ("GET", f"{model}/ready", inference.ready, False),
            ("POST", f"{model}/infer", inference.infer, False),
        ]
        return [Route(path, self.door.guarded(path, end, free=free), methods=[how]) for how, path, end, free in paths]

    @contextlib.asynccontextmanager
    async def _lifespan(self, app: Starlette) -> AsyncIterator[None]:
        del app
        looking = asyncio.create_task(self._look())
        self.ready = True
        try:
            yield
        finally:
            self.ready = False
            looking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await looking
            self.scoring.close()

    async def _look(self) -> None:
        """Look at the model files again and again, and take up those that changed, beside the requests."""
        while True:
            await asyncio.sleep(self.settings.look_again)
            for line in await asyncio.to_thread(self.shelf.refresh):
                self.say(line)

    async def _health(self, request: Request) -> Response:
        del request
        return JSONResponse({"live": True})

    async def _ready(self, request: Request) -> Response:
        del request
        return JSONResponse({"ready": self.ready}, 200 if self.ready else 503)

    async def _metrics(self, request: Request) -> Response:
        del request
        return Response(self.metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")

    async def _page(self, request: Request) -> Response:
        del request
        return HTMLResponse(page(self.shelf, examples=not self.settings.token))

    async def _openapi(self, request: Request) -> Response:
        del request
        return JSONResponse(openapi(self.shelf, examples=not self.settings.token))

    async def _models(self, request: Request) -> Response:
        del request
        found = self.shelf.models.items()
        return JSONResponse({name: {"version": one.version, "columns": list(one.model.columns)} for name, one in found})


async def _other(request: Request, error: Exception) -> Response:
    """Answer what no path of the service is."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    return JSONResponse({"error": f"{request.method} {request.url.path} is not served; see /openapi.json."}, status)
