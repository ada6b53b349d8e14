"""A service at work on a port of this machine until it is told to stop."""

import contextlib
import socket
from collections.abc import Callable

import uvicorn

from diabolo.deploy.service.app import Service
from diabolo.deploy.service.settings import Settings
from diabolo.deploy.service.workers import run_together
from diabolo.errors import ArgumentError

WAITING, CONNECTIONS, LONGEST_HEAD = 2048, 2000, 16 << 10
"""Connections that the system holds until they are taken, those open at most, and bytes of a request's head."""


def bound(settings: Settings) -> socket.socket:
    """Return a socket on the port that is asked for; 0 takes a free one. Raises ArgumentError if it cannot be had."""
    try:
        family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
        # asyncio sends small answers at once (TCP_NODELAY) if the socket names its protocol; else each waits 40 ms
        found = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind((settings.host, settings.port))
        found.listen(WAITING)
    except OSError as error:
        found.close()
        raise ArgumentError(
            f"Port {settings.port} of {settings.host} cannot be had: {error.strerror}; choose another --port."
        ) from error
    return found


def server_of(service: Service) -> uvicorn.Server:
    """Return the server of a service; it finishes what is in work when it is told to stop."""
    settings = service.settings
    config = uvicorn.Config(
        service.app,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        lifespan="on",
        limit_concurrency=CONNECTIONS,
        h11_max_incomplete_event_size=LONGEST_HEAD,
        timeout_keep_alive=15,
        timeout_graceful_shutdown=int(settings.seconds) + 1,
    )
    return uvicorn.Server(config)


def serve(service: Service, say: Callable[[str], object], workers: int = 1) -> None:
    """Serve until SIGTERM or SIGINT. Raises ArgumentError if the port cannot be had.

    workers: processes that take requests in turn; they share the memory of the models that are open now.
    """
    listening = bound(service.settings)
    host, port = listening.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    say(f"Listening on http://{shown}:{port}, until SIGTERM or Ctrl-C.")
    if workers > 1:
        run_together(lambda: _run(service, listening), workers)
    else:
        _run(service, listening)
    say("Stopped; what was in work is answered.")


def _run(service: Service, listening: socket.socket) -> None:
    with contextlib.suppress(KeyboardInterrupt):  # uvicorn raises the signal again once all is finished
        server_of(service).run(sockets=[listening])
