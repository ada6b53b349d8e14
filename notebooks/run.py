"""Execute the notebooks and keep what they print and draw.

    python notebooks/run.py [NAME ...] [--quick] [--out FOLDER]

Without --out they are written back in place. --quick sets DIABOLO_RAPIDO, which makes each use scikit-learn's data and
a few epochs: it shows that they run, not what they show.
"""

import argparse
import os
from pathlib import Path

import nbformat
from nbclient import NotebookClient

HERE = Path(__file__).resolve().parent
MOST_SECONDS = 3600


def executed(path: Path) -> nbformat.NotebookNode:
    """Return a notebook with the outputs of its cells. Raises nbclient's CellExecutionError for a cell that fails."""
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, timeout=MOST_SECONDS, kernel_name="python3", record_timing=False).execute(cwd=str(HERE))
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
    if given.quick:
        os.environ["DIABOLO_RAPIDO"] = "1"
    for path in [HERE / f"{name}.ipynb" for name in given.names] or sorted(HERE.glob("*.ipynb")):
        print(path.name, flush=True)
        nbformat.write(executed(path), given.out / path.name)


if __name__ == "__main__":
    main()
