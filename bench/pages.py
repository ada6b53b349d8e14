"""Tables that benches write into pages."""

from pathlib import Path


def write(page: Path, name: str, text: str) -> None:
    """Put a text between the marks <!-- name --> and <!-- /name --> of a page. Raises SystemExit if it lacks them."""
    start, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    old = page.read_text(encoding="utf-8")
    if start not in old or end not in old:
        raise SystemExit(f"{page} has no part {start} to write to.")
    head, rest = old.split(start, 1)
    page.write_text(f"{head}{start}\n{text}\n{end}{rest.split(end, 1)[1]}", encoding="utf-8")
