"""The command `serve`."""

import os
import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer

TOKEN = "DIABOLO_TOKEN"
ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
"""What NumPy's products ask for their threads: the rows of a request are too few for more than one."""


def serve(
    models: Annotated[list[Path], typer.Argument(metavar="MODEL...", help="Model files of tables (.safetensors).")],
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes one that is free.")] = 8000,
    host: Annotated[
        str, typer.Option(help="Address; another than 127.0.0.1 needs a token in the environment, DIABOLO_TOKEN.")
    ] = "127.0.0.1",
    false_alarms: Annotated[
        float | None, typer.Option(metavar="RATE", help="This share of normal rows raises an alert; else the model's.")
    ] = None,
    most_bytes: Annotated[int, typer.Option(metavar="N", help="Bytes of a request at most; more get 413.")] = 8 << 20,
    most_rows: Annotated[int, typer.Option(metavar="N", help="Rows of a request at most; more get 413.")] = 10_000,
    waiting: Annotated[int, typer.Option(metavar="N", help="Requests in work at most; more get 429.")] = 64,
    workers: Annotated[
        int,
        typer.Option(min=1, max=64, metavar="N", help="Processes; they share the models' memory."),
    ] = 1,
    seconds: Annotated[float, typer.Option(metavar="N", help="Seconds of a request at most; more get 503.")] = 30.0,
) -> None:
    """Score rows of tables over HTTP: JSON in; score, p-value, alert and reasons out. It needs no torch.

    Prometheus reads /metrics, the Open Inference Protocol is at /v2, a page with an example at /. A new model file
    under the same name is taken up. A token in the environment as DIABOLO_TOKEN is asked for.
    """
    from diabolo.deploy.service.settings import SHARED

    with tempfile.TemporaryDirectory() as counts:
        if workers > 1:
            os.environ[SHARED] = counts
        _serve(
            models,
            workers,
            host=host,
            port=port,
            false_alarms=false_alarms,
            most_bytes=most_bytes,
            most_rows=most_rows,
            waiting=waiting,
            seconds=seconds,
        )


def _serve(models: list[Path], workers: int, **asked: Any) -> None:
    for name in ONE_THREAD:
        os.environ.setdefault(name, "1")
    from diabolo.errors import MissingExtraError

    try:
        from diabolo.deploy.service import run
    except ModuleNotFoundError as error:
        raise MissingExtraError(f"diabolo serve needs {error.name}: pip install 'diabolo[serve]'.") from error
    from diabolo.app.common import say
    from diabolo.deploy.service.app import Service
    from diabolo.deploy.service.settings import Settings
    from diabolo.deploy.service.shelf import Shelf

    settings = Settings(token=os.environ.get(TOKEN, ""), **asked)
    run.serve(Service(Shelf(models, false_alarms=settings.false_alarms), settings, say), say, workers)
