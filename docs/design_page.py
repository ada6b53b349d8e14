"""Write the tree of rooms into docs/design.md, from the package itself: python docs/design_page.py."""

from pathlib import Path

ROOT = Path(__file__).parent.parent / "src" / "diabolo"
PAGE, START, END = Path(__file__).parent / "design.md", "<!-- tree -->\n", "<!-- /tree -->\n"
ROOMS = (
    "config", "model", "presets", "data", "training", "coding", "jobs", "deploy", "app",
)  # fmt: skip
FIRST, AFTER = ("errors", "version", "files"), {"jobs": ("samples", "learnt", "estimator")}


def tree() -> str:
    """Return the rooms in import order, each folder with the names of its files."""
    lines = [", ".join(FIRST)]
    for room in ROOMS:
        for folder in [ROOT / room, *sorted(path for path in (ROOT / room).rglob("*") if path.is_dir())]:
            names = sorted(path.stem for path in folder.glob("*.py") if path.stem != "__init__")
            if names:
                depth = len(folder.relative_to(ROOT).parts) - 1
                lines.append(f"{'  ' * depth}{folder.name + '/':<16}{', '.join(names)}")
        if room in AFTER:
            lines.append(", ".join(AFTER[room]))
    return "```text\n" + "\n".join(line.rstrip() for line in lines) + "\n```\n"


def page() -> str:
    """Return the page with the tree of today."""
    text = PAGE.read_text(encoding="utf-8")
    return text[: text.index(START) + len(START)] + tree() + text[text.index(END) :]


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
