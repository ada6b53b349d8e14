"""Together: blocks side by side on the machine's cores, in order, a few ahead at a time."""

import os
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from functools import cache
from typing import Any, TypeVar

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


def alone() -> AbstractContextManager[Any]:
    """Return a context in which NumPy's products take one thread each: the other cores are at work on other blocks.

    BLAS's own threads would burn them between one small product and the next.
    """
    return _libraries().limit(limits=1, user_api="blas")  # type: ignore[no-any-return]


@cache
def _libraries() -> ThreadpoolController:
    return ThreadpoolController()  # looks through all that the process has loaded, which takes 3 ms


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
