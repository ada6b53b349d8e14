"""Run `diabolo reproduce` and put its table into a page: python bench/results.py [fraud] [--no-run]

Without a name all experiments of digits, into README.md; `fraud` into docs/detect-figures.md.
"""

import subprocess
import sys
from pathlib import Path

from pages import write

ROOT = Path(__file__).resolve().parent.parent
PAGES = {"fraud": "docs/detect-figures.md"}

if __name__ == "__main__":
    names = [word for word in sys.argv[1:] if not word.startswith("-")]
    if "--no-run" not in sys.argv:
        subprocess.run([sys.executable, "-m", "diabolo", "reproduce", *names], cwd=ROOT, check=True)
    table = (ROOT / "out/reproduce/table.md").read_text(encoding="utf-8")
    page, part = (ROOT / PAGES[names[0]], names[0]) if names else (ROOT / "README.md", "results")
    write(page, part, table.split("\n\n")[0].rstrip())
