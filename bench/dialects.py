"""Tables in random dialects: how many give their values back, and that no other is read as something else.

    python bench/dialects.py [EXAMPLES] [SEED]

Writes numbers, words, dates and times with random separators, decimal signs, thousands, currencies, signs, words for
missing cells, encodings, line ends, quotes, empty lines, comments and names or none (tests/random_dialects.py). Each
table is read right, or refused with a line or the option that settles it; anything else ends with an error.
"""

import sys
import tempfile
from collections import Counter
from pathlib import Path

from hypothesis import HealthCheck, given, seed, settings

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from random_dialects import Written, outcome, tables


def main(examples: int = 5000, start: int = 0) -> None:
    counts: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:

        @seed(start)
        @settings(max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(tables())
        def attempt(written: Written) -> None:
            counts[outcome(written, Path(folder) / "t.csv")] += 1

        attempt()
    print(f"{counts.total():,} tables: {counts['read']:,} read right, {counts['refused']:,} refused with a place")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
