"""The first words of a command come at once, before PyTorch is loaded, and only where somebody reads them."""

import subprocess
import sys
from pathlib import Path

import pytest
import typer

from diabolo.app.cli import COMMANDS, WITHOUT_TORCH
from diabolo.app.running import announced, run

LOADED = "import sys; from diabolo.app.cli import main\ntry: main(sys.argv[1:])\nfinally: print('torch' in sys.modules)"


class Terminal:
    def __init__(self) -> None:
        self.text = ""

    def write(self, text: str) -> None:
        self.text += text

    def flush(self) -> None:
        """Nothing is held back."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("options", "said"), [({}, "Loading PyTorch ...\n"), ({"quiet": True}, ""), ({"as_json": True}, "")]
)
def test_a_terminal_is_told_at_once(options: dict[str, bool], said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    seen: list[str] = []
    announced(lambda **_: seen.append(terminal.text))(**options)
    assert seen == [said]


def test_an_interrupt_is_said_and_a_partial_result_is_not_called_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    app = typer.Typer(pretty_exceptions_enable=False)

    @app.command()
    def work(*, partial: bool = False) -> None:
        if partial:
            raise typer.Exit(130)
        raise KeyboardInterrupt

    for words, said in (([], "diabolo: interrupted; nothing was written.\n"), (["--partial"], "")):
        with pytest.raises(SystemExit) as ended:
            run(app, words)
        assert ended.value.code == 130
        assert capsys.readouterr().err == said


def test_the_commands_without_torch_are_commands() -> None:
    assert set(COMMANDS) > WITHOUT_TORCH


@pytest.mark.parametrize(
    "words",
    [
        ["--help"],
        ["train", "--help"],
        ["train", "--preset"],
        ["info", "nothing.safetensors"],
        ["datasets"],
        ["frobnicate"],
    ],
)
def test_help_and_errors_of_usage_load_no_torch(words: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOADED, *words], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.stdout.splitlines()[-1] == "False"
