"""Names in an archive: which ones a name, a folder or a pattern means, and the nearest ones where none is meant."""

import difflib
from collections.abc import Iterable
from fnmatch import fnmatchcase
from itertools import islice
from pathlib import Path

NEAR, MOST_NAMES = 3, 200_000
WILD = "*?["


def is_pattern(wanted: str) -> bool:
    """Say whether `wanted` has signs that stand for others: * ? [abc]."""
    return any(sign in wanted for sign in WILD)


def shown(name: str) -> str:
    """Return a name with what a terminal may take for a command, or does not show, written as its number.

    >>> shown("a\\x9b31m.png"), shown("niña.png")
    ('a\\\\x9b31m.png', 'niña.png')
    """
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in name)


def matches(name: str, wanted: str) -> bool:
    """Say whether a name is meant: the same, in the folder of that name, or fitting the pattern (* ? [abc]).

    >>> matches("birds/owl.png", "birds"), matches("birds/owl.png", "*.png"), matches("owl.png", "owl")
    (True, True, False)
    """
    return name == wanted or name.startswith(f"{wanted.rstrip('/')}/") or fnmatchcase(name, wanted)


def none_named(archive: Path, wanted: str, there: Iterable[str]) -> str:
    """Return the message that no item is meant, with the nearest names that there are."""
    some = list(islice(dict.fromkeys(there), MOST_NAMES))
    if not some:
        return f"{archive} holds no item named {wanted!r}; its items have no names, give a number from 0."
    near = difflib.get_close_matches(wanted, some, NEAR, 0.4)
    near += [name for name in some if wanted.rsplit("/")[-1].lower() in name.lower()][: NEAR - len(near)]
    nearest = f"near it: {', '.join(map(shown, dict.fromkeys(near)))}" if near else f"the first is {shown(some[0])}"
    return f"{archive} holds no item named {wanted!r}; {nearest} (`diabolo list` shows all)."
