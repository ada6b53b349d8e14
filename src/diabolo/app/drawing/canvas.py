"""A matplotlib canvas whose drawings live inside a page: its colours, its font, no state, no address."""

import re
import zlib
from collections.abc import Callable
from html import escape
from io import StringIO
from threading import Lock
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Stand-ins that matplotlib can draw with; in the page they become its variables, for light and dark alike.
INK, MUTED, RULE, PAPER, FIRST, SECOND = (f"#01020{digit}" for digit in range(3, 9))
_THEME = {
    INK: "currentColor",
    MUTED: "var(--muted, #5d6470)",
    RULE: "var(--rule, #d9dce1)",
    PAPER: "var(--card, #ffffff)",
    FIRST: "var(--first, #1f6fb5)",
    SECOND: "var(--second, #c2570c)",
}
HALO = "halo"
"""A `gid` for text that the page sets off from what lies under it."""

_RC: dict[str, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "diabolo",
    "font.size": 9.5,
    "text.color": INK,
    "axes.edgecolor": RULE,
    "axes.labelcolor": MUTED,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": RULE,
    "grid.linewidth": 0.5,
    "xtick.color": RULE,
    "ytick.color": RULE,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": MUTED,
    "legend.frameon": False,
}
_DPI = 210
# matplotlib's style settings belong to the process, so that drawings of two threads take turns.
_DRAWING = Lock()


def draw(paint: Callable[["Axes"], None], *, alt: str, size: tuple[float, float] = (4.6, 3.2)) -> str:
    """Return what `paint` puts on fresh axes as an inline SVG; size in inches of 72 units, alt for screen readers."""
    from matplotlib import style
    from matplotlib.figure import Figure

    page = StringIO()
    with _DRAWING, style.context(["default", _RC]):
        figure = Figure(figsize=size, layout="constrained")
        paint(figure.subplots())
        nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        figure.savefig(page, format="svg", dpi=_DPI, transparent=True, metadata=nothing)
    return _inline(page.getvalue(), alt)


def _inline(svg: str, alt: str) -> str:
    """Return the SVG as an HTML element: named for screen readers, without addresses, with ids of its own."""
    box = re.search(r'viewBox="([^"]+)"', svg)
    body = svg[svg.index(">", svg.index("<svg")) + 1 :]
    body = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>", "", body, flags=re.DOTALL)
    body = body.replace("xlink:href", "href")
    body = body.replace(f' id="{HALO}"', f' class="{HALO}"')
    prefix = f"p{zlib.crc32(svg.encode()):08x}-"
    used = set(re.findall(r'(?:url\(#|href="#)([^")]+)', body))
    body = re.sub(r' id="([^"]+)"', lambda m: f' id="{prefix}{m[1]}"' if m[1] in used else "", body)
    body = re.sub(r'(url\(#|href="#)', rf"\1{prefix}", body)
    for stand_in, colour in _THEME.items():
        body = body.replace(stand_in, colour)
    head = f'<svg class="plot" role="img" aria-label="{escape(alt)}" viewBox="{box[1] if box else ""}">'
    return head + re.sub(r"\s*\n\s*", "\n", body)
