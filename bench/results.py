"""Run `diabolo reproduce` and put its table into README.md: python bench/results.py"""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
START, END = "<!-- results -->\n", "<!-- /results -->"


def insert(text: str, table: str) -> str:
    """Return the text with the table between the two marks."""
    head, rest = text.split(START, 1)
    _, tail = rest.split(END, 1)
    return head + START + table + END + tail


if __name__ == "__main__":
    if "--no-run" not in sys.argv:
        subprocess.run([sys.executable, "-m", "diabolo", "reproduce"], cwd=ROOT, check=True)
    readme = ROOT / "README.md"
    table = (ROOT / "out/reproduce/table.md").read_text(encoding="utf-8")
    readme.write_text(insert(readme.read_text(encoding="utf-8"), table), encoding="utf-8")
