"""Worker processes that share the memory of what was open before they began; one that dies is replaced."""

import contextlib
import gc
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from types import FrameType

STOPPING = (signal.SIGTERM, signal.SIGINT)
PAUSE = 0.5
"""Seconds before a worker that died is replaced."""


class _Workers:
    """Processes at work; `stop` tells all of them to finish."""

    def __init__(self, work: Callable[[], object]) -> None:
        self.work, self.running, self.stopping = work, set[int](), False

    def start(self) -> None:
        process = os.fork()
        if process:
            self.running.add(process)
            return
        status = 1
        try:
            for number in STOPPING:
                signal.signal(number, signal.default_int_handler)
            self.work()
            status = 0
        except BaseException:
            traceback.print_exc(file=sys.stderr)
        finally:
            os._exit(status)  # nothing of the parent's is to be finished here

    def stop(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        self.stopping = True
        for process in self.running:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGTERM)


def run_together(work: Callable[[], object], count: int) -> None:
    """Run `work` in so many processes until SIGTERM or SIGINT, which is passed on; return once all have finished.

    Memory that is not written to is shared. No thread may run in this process when it begins.
    """
    workers = _Workers(work)
    before = {number: signal.signal(number, workers.stop) for number in STOPPING}
    try:
        gc.freeze()  # a collection would write to the pages of every object, and with that copy them
        for _ in range(count):
            workers.start()
        while workers.running:
            process, _ = os.wait()
            workers.running.discard(process)
            if not workers.stopping:
                time.sleep(PAUSE)
                if not workers.stopping:
                    workers.start()
    finally:
        gc.unfreeze()
        for number, handler in before.items():
            signal.signal(number, handler)
