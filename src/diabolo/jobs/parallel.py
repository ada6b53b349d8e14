"""Together: blocks side by side on the machine's cores, in order, a few ahead at a time."""

import os
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from typing import Any, TypeVar, cast

from threadpoolctl import ThreadpoolController

T = TypeVar("T")
R = TypeVar("R")
MOST = 4
"""Blocks at work at once: each holds its samples in memory."""


def cores() -> int:
    """Return how many threads work may take: torch's, where it is loaded, else OMP_NUM_THREADS or the machine's."""
    torch = sys.modules.get("torch")
    if torch is not None:
        return int(torch.get_num_threads())
    asked = os.environ.get("OMP_NUM_THREADS", "")
    return int(asked) if asked.isdecimal() and int(asked) else os.cpu_count() or 1


class _Limit:
    """BLAS's limit of one thread, shared: the first to enter sets it, the last to leave restores what was before."""

    def __init__(self) -> None:
        self.lock, self.inside, self.limit = threading.Lock(), 0, cast("Any", None)

    @contextmanager
    def held(self) -> Iterator[None]:
        with self.lock:
            self.inside += 1
            if self.inside == 1:
                self.limit = _libraries().limit(limits=1, user_api="blas")
        try:
            yield
        finally:
            with self.lock:
                self.inside -= 1
                if not self.inside:
                    self.limit.restore_original_limits()


_BLAS = _Limit()


def alone() -> AbstractContextManager[None]:
    """Return a context in which NumPy's products take one thread each: the other cores are at work on other blocks.

    BLAS's own threads would burn them between one small product and the next. When the last context is left, in
    whichever thread, BLAS has the threads that it had before.
    """
    return _BLAS.held()


def one_thread_here() -> None:
    """Let OpenMP, and with it torch, take one thread for what this thread computes; other threads keep theirs.

    It is for the threads of a pool of our own. torch.set_num_threads would count for every later thread too.
    """
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.get_num_threads()  # torch sets a new thread's number when it is first asked; ours has to come after
    _libraries().limit(limits=1, user_api="openmp")


def _libraries() -> ThreadpoolController:
    return _looked_through("torch" in sys.modules, "scipy" in sys.modules)


@cache
def _looked_through(*loaded: bool) -> ThreadpoolController:
    """Return the libraries of the process; to look through all takes 3 ms, so that it is done once for each state."""
    del loaded
    return ThreadpoolController()


def together(work: Callable[[T], R], things: Iterable[T], *, most: int | None = None) -> Iterator[tuple[T, R]]:
    """Yield each thing with what `work` made of it, in the order of the things; `most` (MOST) are at work at once.

    >>> list(together(abs, [-1, 2]))
    [(-1, 1), (2, 2)]
    """
    ahead = max(1, min(MOST if most is None else most, os.cpu_count() or 1))
    waiting: deque[tuple[T, Future[R]]] = deque()
    with ThreadPoolExecutor(ahead) as pool:
        for thing in things:
            waiting.append((thing, pool.submit(work, thing)))
            if len(waiting) > ahead:
                first, result = waiting.popleft()
                yield first, result.result()
        for first, result in waiting:
            yield first, result.result()
