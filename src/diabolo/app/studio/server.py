"""The server of the Studio: the page, and beside it what decodes the map's codes; on 127.0.0.1 alone."""

import gc
import os
import socket
import tempfile
import webbrowser
from threading import Timer
from typing import Any

from diabolo.app.studio.atlas import Atlas, apology, reason
from diabolo.app.studio.shelf import Shelf
from diabolo.errors import InputError, MissingExtraError

HOST = "127.0.0.1"
OFF = {"GRADIO_ANALYTICS_ENABLED": "False", "HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_OFFLINE": "1"}
"""What Gradio and what it brings along would else ask of the network."""
LONGEST_CODE = 1 << 20


def taken(port: int) -> socket.socket:
    """Return a socket that listens on a port of 127.0.0.1; 0 takes any free one. Raises InputError if it is in use.

    It listens at once, so that whoever reads the address and asks is kept waiting, not refused, until the server runs.
    """
    # The protocol is named because asyncio sends at once (TCP_NODELAY) on such sockets only: 40 ms less an answer.
    found = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        found.bind((HOST, port))
        found.listen(128)
    except OSError as error:
        found.close()
        raise InputError(f"Port {port} cannot be had ({error.strerror}); choose another with --port.") from error
    return found


def check_installed() -> None:
    """Raise MissingExtraError if the packages of the Studio are not there."""
    os.environ.update(OFF)
    try:
        import gradio
    except ImportError as error:
        raise MissingExtraError(
            f"The Studio needs Gradio, which is not installed ({error}); pip install 'gradio>=6.20' brings it."
        ) from error
    del gradio


def application(shelf: Shelf) -> Any:
    """Return the ASGI application: Gradio's page at /, the map of codes and its decoder at /explore."""
    from fastapi import FastAPI, Request
    from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
    from starlette.concurrency import run_in_threadpool
    from starlette.middleware.trustedhost import TrustedHostMiddleware

    from diabolo.app.studio.page import mounted

    app, atlas = FastAPI(docs_url=None, redoc_url=None, openapi_url=None), Atlas(shelf)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=[HOST, "localhost"])

    @app.get("/explore")
    def explore(model: str, label: str | None = None) -> HTMLResponse:
        try:
            return HTMLResponse(atlas.page(model, label))
        except Exception as error:
            return HTMLResponse(apology(error))

    @app.post("/explore")
    async def at_code(request: Request, model: str, version: str, what: str, label: str | None = None) -> Response:
        if int(request.headers.get("content-length", LONGEST_CODE + 1)) > LONGEST_CODE:
            return PlainTextResponse("A code of at most 1 MB is needed.")
        code = await request.body()
        try:
            if what == "nearest":
                return JSONResponse(await run_in_threadpool(atlas.nearest, model, version, code))
            found = await run_in_threadpool(atlas.decoded, model, version, code, label)
        except Exception as error:
            return PlainTextResponse(reason(error))  # not 4xx: browsers write those to the console as well
        if isinstance(found, bytes):
            return Response(found, media_type="application/octet-stream")
        return JSONResponse(found)

    return mounted(app, shelf)


def serve(shelf: Shelf, listening: socket.socket, *, browser: bool) -> None:
    """Serve until Ctrl-C or SIGTERM; what visitors dropped is deleted then."""
    import uvicorn

    address = f"http://{HOST}:{listening.getsockname()[1]}"
    with tempfile.TemporaryDirectory(prefix="diabolo-studio-") as folder:
        os.environ["GRADIO_TEMP_DIR"] = folder
        server = uvicorn.Server(
            uvicorn.Config(application(shelf), log_level="critical", timeout_graceful_shutdown=1, ws="none")
        )
        print(f"The Studio: {address} (Ctrl-C stops it)", flush=True)
        if browser:
            Timer(1.0, webbrowser.open, [address]).start()
        try:
            server.run(sockets=[listening])
        except KeyboardInterrupt:
            pass
        finally:
            listening.close()
            for close in shelf.closing:
                close()
    gc.freeze()  # else Python spends more than a second on collecting what torch and Gradio made, only to exit
    print("The Studio has stopped.", flush=True)
