"""What the process keeps of the memory that it frees."""

import ctypes
import sys

TRIM, PADDING, MAPPED = -1, -2, -3
"""glibc's mallopt: M_TRIM_THRESHOLD, M_TOP_PAD and M_MMAP_THRESHOLD."""
LARGEST, LARGEST_BEFORE_2_35, SPARE = 1 << 30, 1 << 25, 1 << 26


def keep_freed() -> None:
    """Let freed memory stay with the process, on Linux: for a process of our own, as the command line's is.

    Otherwise glibc gives every map of a convolution back to the system, which clears it page by page before the next
    step: 120 in place of 76 ms a step of preset denoise (one thread, batches of 128). It holds for the whole process,
    and for as long as it runs; so no function of the library calls it.
    """
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # other C libraries have none
    if mallopt is not None and (mallopt(MAPPED, LARGEST) or mallopt(MAPPED, LARGEST_BEFORE_2_35)):
        mallopt(TRIM, (1 << 31) - 1)
        mallopt(PADDING, SPARE)
