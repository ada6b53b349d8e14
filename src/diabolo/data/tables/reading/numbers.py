r"""Numbers as people write them: decimal comma, thousands, currencies, percent, an accountant's (12.50), blanks.

The notation of a column is decided by all of its cells. A cell such as 1.234 or 1,234 fits two notations; then other
cells, other columns, or the model's own table settle it, and what nothing settles is refused.
"""

from dataclasses import dataclass

import polars as pl

MOSTLY = 0.95
"""Share of the cells, gaps aside, from which on a column counts as numbers."""
MISSING = ("", "-", "--", "?", ".", "na", "n/a", "nan", "null", "none", "\\n", "#n/a", "missing", "\u2013", "\u2014")
"""What means an empty cell in a column of numbers, dates or times, in lower case."""
CURRENCIES = (
    "AED ARS AUD BGN BOB BRL CAD CHF CLP CNY COP CRC CZK DKK DOP EGP EUR GBP GTQ HKD HUF IDR ILS INR JPY KRW MAD MXN "
    "MYR NGN NOK NZD PEN PHP PLN PYG RON RUB SAR SEK SGD THB TRY TWD UAH USD UYU VND ZAR"
)
BLANK = "[\\s\u00a0\u202f\u2009]"
UNIT = (
    f"(?:US\\$|R\\$|S/|[$\u20ac\u00a3\u00a5\u20b9\u20a9%]|{'|'.join(CURRENCIES.split())}"
    "|Fr\\.?|kr\\.?|Rs\\.?|z\u0142|K\u010d)"
)
SIGN = "[-+\u2212]"
GROUPED = "\\d{1,3}(?:[.,'\u2019\\s\u00a0\u202f\u2009]\\d{3})+(?:[.,]\\d*)?|\\d{1,2}(?:,\\d{2})+,\\d{3}(?:\\.\\d*)?"
CORE = f"((?:{GROUPED}|\\d+(?:[.,]\\d*)?|[.,]\\d+)(?:[eE][-+]?\\d+)?)"
NUMBER = (
    f"^{BLANK}*\\(?{BLANK}*{SIGN}?{BLANK}*({UNIT}?){BLANK}*{SIGN}?{BLANK}*{CORE}"
    f"{BLANK}*({UNIT}?){BLANK}*-?{BLANK}*\\)?{BLANK}*$"
)
PLAIN = r"^[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?$"
WHOLE = r"^[-+]?\d+$"
NEGATIVE = "^[^\\d.,]*[-\u2212(]|-[\\s)]*$"
ENDLESS = r"(?i)^[-+]?inf(?:inity)?$"
GROUP = {",": ",", ".": "\\.", "'": "['\u2019]", " ": "[\\s\u00a0\u202f\u2009]"}
"""What parts thousands, by the character that stands for it, as an expression."""


@dataclass(frozen=True)
class Notation:
    """How the numbers of a column are written. thousands: what parts them; unit: a currency or '%'."""

    decimal: str = "."
    thousands: str = ""
    unit: str = ""

    @property
    def pattern(self) -> str:
        """What every number has to look like, once its sign and its unit are left out."""
        point = GROUP[self.decimal]
        whole = "\\d+"
        if self.thousands:
            group = GROUP[self.thousands]
            whole += f"|\\d{{1,3}}(?:{group}\\d{{3}})+"
            whole += f"|\\d{{1,2}}(?:{group}\\d{{2}})+{group}\\d{{3}}" if self.thousands == "," else ""
        return f"^(?:(?:{whole})(?:{point}\\d*)?|{point}\\d+)(?:[eE][-+]?\\d+)?$"


def _evidence(point: str, comma: str) -> tuple[str, str]:
    """Return the expressions of cells that show `point` as the decimal sign, and of cells that leave it open."""
    fraction = f"^(?:\\d{{4,}}|0+){point}\\d+|^\\d*{point}(?:\\d{{0,2}}|\\d{{4,}})(?:[eE]|$)|^{point}\\d+"
    grouped = f"^\\d{{1,3}}(?:{comma}\\d{{3}}){{2,}}|^\\d{{1,3}}(?:{comma}\\d{{2,3}})+{point}|\\d{comma}\\d{{2}}{comma}"
    beside = f"['\u2019\\s\u00a0\u202f\u2009].*{point}"
    return f"{fraction}|{grouped}|{beside}", f"^[1-9]\\d{{0,2}}{point}\\d{{3}}(?:[eE]|$)"


POINT, OPEN_POINT = _evidence("\\.", ",")
COMMA, OPEN_COMMA = _evidence(",", "\\.")


def is_missing(text: pl.Expr) -> pl.Expr:
    """Return where a cell of a column of numbers, dates or times is empty."""
    return text.is_null() | text.str.strip_chars().str.to_lowercase().is_in(MISSING)


def is_number(text: pl.Expr) -> pl.Expr:
    """Return where a cell is a number in any notation."""
    balanced = text.str.contains("(", literal=True) == text.str.contains(")", literal=True)
    return (text.str.contains(NUMBER) & balanced & ~is_missing(text)) | text.str.contains(ENDLESS)


def core_of(text: pl.Expr) -> pl.Expr:
    """Return a number without its sign, its unit and the blanks around it."""
    return text.str.extract(NUMBER, 2)


def unit_of(text: pl.Expr) -> pl.Expr:
    """Return the unit of a number, null where it has none."""
    before, behind = text.str.extract(NUMBER, 1), text.str.extract(NUMBER, 3)
    return pl.when(before != "").then(before).when(behind != "").then(behind)


def values_of(text: pl.Expr, notation: Notation) -> pl.Expr:
    """Return numbers in a notation, null where cells are missing or are in another."""
    core = core_of(text)
    sound = core.str.contains(notation.pattern) & is_number(text)
    bare = core.str.replace_all(GROUP[notation.thousands], "") if notation.thousands else core
    if notation.decimal == ",":
        bare = bare.str.replace(",", ".", literal=True)
    size = bare.cast(pl.Float64, strict=False)
    value = pl.when(text.str.contains(NEGATIVE)).then(-size).otherwise(size)
    return pl.when(sound).then(value).when(text.str.contains(ENDLESS)).then(text.cast(pl.Float64, strict=False))


@dataclass(frozen=True)
class Counts:
    """Cells of a column that show something of its notation."""

    point: int
    comma: int
    open_point: int
    open_comma: int
    apostrophe: int
    blank: int
    dotted: int
    with_comma: int

    @staticmethod
    def of(text: pl.Expr) -> tuple[pl.Expr, ...]:
        """Return the expressions whose sums are the counts, in their order."""
        core = core_of(text)
        marks = (POINT, COMMA, OPEN_POINT, OPEN_COMMA, "['\u2019]", f"\\d{BLANK}\\d", "\\.", ",")
        return tuple(core.str.contains(mark).sum() for mark in marks)

    @property
    def decimal(self) -> str | None:
        """The decimal sign that the cells themselves show, '' where they contradict each other, None for none."""
        if self.point and self.comma:
            return ""
        shown = ("." * bool(self.point)) or ("," * bool(self.comma))
        return shown or None

    @property
    def open(self) -> bool:
        """Whether cells would be other numbers with the other decimal sign."""
        return bool(self.open_point or self.open_comma)

    def notation(self, decimal: str, unit: str) -> Notation:
        """Return the notation with that decimal sign."""
        other, mark = (self.with_comma, ",") if decimal == "." else (self.dotted, ".")
        thousands = mark if other else "'" if self.apostrophe else " " if self.blank else ""
        return Notation(decimal, thousands, unit)
