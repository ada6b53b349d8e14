"""Execute the notebooks and keep what they print and draw.

    python notebooks/run.py [NAME ...] [--quick] [--out FOLDER]

Without --out they are written back in place. --quick sets DIABOLO_RAPIDO, which makes each use scikit-learn's data and
a few epochs, one after the other in one kernel, emptied in between: it shows that they run, not what they show.
"""

import argparse
import os
from pathlib import Path

import nbformat
from jupyter_client import KernelManager
from nbclient import NotebookClient

HERE = Path(__file__).resolve().parent
MOST_SECONDS = 3600


EMPTIED = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("%reset -f")])


def run(notebook: nbformat.NotebookNode, kernel: KernelManager | None) -> None:
    """Execute a notebook in a running kernel, or in one of its own."""
    client = NotebookClient(notebook, km=kernel, timeout=MOST_SECONDS, kernel_name="python3", record_timing=False)
    client.execute(cwd=str(HERE))


def executed(path: Path, kernel: KernelManager | None = None) -> nbformat.NotebookNode:
    """Return a notebook with the outputs of its cells. Raises nbclient's CellExecutionError for a cell that fails."""
    notebook = nbformat.read(path, as_version=4)
    run(notebook, kernel)
    for cell in notebook.cells:
        cell.metadata.clear()
    notebook.metadata["language_info"] = {"name": "python"}
    return notebook


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="notebooks, without .ipynb; all if none is given")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--out", type=Path, default=HERE)
    given = parser.parse_args()
    kernel = None
    if given.quick:
        os.environ["DIABOLO_RAPIDO"] = "1"
        kernel = KernelManager(kernel_name="python3")
    try:
        for path in [HERE / f"{name}.ipynb" for name in given.names] or sorted(HERE.glob("*.ipynb")):
            print(path.name, flush=True)
            nbformat.write(executed(path, kernel), given.out / path.name)
            if kernel is not None:
                run(EMPTIED, kernel)
    finally:
        if kernel is not None and kernel.has_kernel:
            kernel.shutdown_kernel(now=True)


if __name__ == "__main__":
    main()
