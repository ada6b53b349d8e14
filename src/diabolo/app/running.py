"""A command line at work: its arguments in, its exit status out, each error one line on standard error."""

import gc
import json
import os
import signal
import sys
import warnings
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

import typer

from diabolo.app.common import say
from diabolo.errors import ArgumentError, DiaboloError


def announced(command: Callable[..., Any]) -> Callable[..., Any]:
    """Return a command that tells somebody at a terminal at once that it is at work: to load PyTorch takes seconds.

    Where standard error goes to a program, an error stays its one line.
    """

    @wraps(command)
    def run_command(**options: Any) -> Any:
        if sys.stderr.isatty() and not (options.get("quiet") or options.get("as_json")):
            say("Loading PyTorch ...")
        return command(**options)

    return run_command


def run(app: typer.Typer, arguments: Sequence[str] | None = None) -> None:
    """Run a command line and exit: 0 done, 1 failed, 2 wrong usage. An error is one line, with --json also JSON."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in given
    gc.set_threshold(100_000)  # what imports make stays: to look it through again and again takes a tenth of the start
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # spinning threads cost 13 times the time on a busy machine
    warnings.showwarning = lambda message, *_: say(f"Warning: {message}")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        app([word for word in given if word != "--debug"], prog_name="diabolo")
    except KeyboardInterrupt:
        _say_interrupted()
        sys.exit(130)
    except SystemExit as ended:  # Typer turns an interrupt into this, without a word
        if isinstance(getattr(ended.__context__, "__cause__", None), KeyboardInterrupt):
            _say_interrupted()
        raise
    except Exception as error:
        if debug:
            raise
        known = isinstance(error, DiaboloError)
        text = str(error) if known else f"unexpected {type(error).__name__}: {error}; --debug shows where."
        text, status = " ".join(text.split()), 2 if isinstance(error, ArgumentError) else 1
        if "--json" in given:
            print(json.dumps({"error": text, "status": status}))
        say(f"diabolo: {text}")
        sys.exit(status)


def _say_interrupted() -> None:
    say("diabolo: interrupted; nothing was written.")
