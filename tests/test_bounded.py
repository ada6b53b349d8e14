"""Memory that does not grow with the data, runs that are killed, and a short run of the bench of damage."""

import signal
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from diabolo.coding.archive.layout import Promise
from diabolo.data.source import ArraySource
from diabolo.jobs import parallel
from diabolo.jobs.compress import chunks
from diabolo.jobs.compress.compress import compress
from diabolo.jobs.compress.decompress import contents
from diabolo.jobs.compress.output import to_array
from test_compress import X, trained

FIXTURES = Path(__file__).parent / "fixtures"


@pytest.mark.parametrize("promise", [Promise.LOSSY, Promise.LOSSLESS])
def test_memory_does_not_grow_with_the_items(promise: Promise, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "ITEMS", 100)
    monkeypatch.setattr(parallel, "MOST", 1)  # how many blocks are at work at once would depend on the machine's load
    peaks = []
    for number, copies in enumerate((1, 1, 3)):
        data = np.lib.format.open_memmap(tmp_path / f"{number}.npy", "w+", np.uint8, (copies * 800, 8, 8))
        data[:] = np.concatenate([X[:800]] * copies)
        tracemalloc.start()
        compress(trained(), ArraySource(data), tmp_path / f"{number}.dbo", promise=promise)
        to_array(contents(trained(), tmp_path / f"{number}.dbo"), tmp_path / f"{number}-back.npy", force=False)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[2] < peaks[1] + 70_000  # the data grew by 102 kB


KILLED = """
import sys, time
from pathlib import Path
import numpy as np
from diabolo.data.source import ArraySource
from diabolo.estimator import load
from diabolo.jobs.compress import chunks
from diabolo.jobs.compress.compress import compress
chunks.ITEMS = 50
def told(items):
    print("block", flush=True)
    time.sleep(0.05)
array = np.zeros((20000, 8, 8), np.uint8)
compress(load(sys.argv[1]).trained_, ArraySource(array), Path(sys.argv[2]), watch=told)
"""


@pytest.mark.parametrize("blocks", [1, 9])
def test_a_run_that_is_killed_leaves_nothing_under_the_final_name(blocks: int, tmp_path: Path) -> None:
    command = [sys.executable, "-c", KILLED, str(FIXTURES / "v1.safetensors"), str(tmp_path / "a.dbo")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        for _ in range(blocks):
            assert run.stdout.readline() == "block\n"
        run.send_signal(signal.SIGKILL)
    assert run.returncode == -signal.SIGKILL
    assert not (tmp_path / "a.dbo").exists()


def test_a_short_run_of_the_bench_of_damage_finds_nothing_wrong() -> None:
    bench = Path(__file__).parent.parent / "bench" / "archive_damage.py"
    command = [sys.executable, str(bench), "--trials", "300", "--seed", "7"]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert text.startswith("300 damaged archives")
    assert all(line.endswith("| 0 |") for line in text.splitlines() if line.startswith(("| read", "| salvage |")))
