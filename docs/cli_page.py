"""Write docs/cli.md from the commands' own help: python docs/cli_page.py"""

from pathlib import Path

from typer.main import get_command
from typer.testing import CliRunner

from diabolo.app.cli import app

PAGE = Path(__file__).with_name("cli.md")


def page() -> str:
    """Return the page: the help of `diabolo` and of each verb."""
    verbs = list(get_command(app).commands)  # type: ignore[attr-defined]
    parts = ["# The command line\n\nWritten by `python docs/cli_page.py` from the commands' own help.\n"]
    for verb in ["", *verbs]:
        words = [*verb.split(), "--help"]
        text = (
            CliRunner().invoke(app, words, prog_name="diabolo", env={"COLUMNS": "100", "TERMINAL_WIDTH": "100"}).output
        )
        body = "\n".join(line.rstrip() for line in text.rstrip().splitlines())
        parts.append(f"## diabolo {verb}".rstrip() + f"\n\n```\n{body}\n```\n")
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
