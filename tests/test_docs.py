"""The README's programs run, and the command-line page is the commands' own help."""

import re
import runpy
import shlex
from pathlib import Path

import pytest

from diabolo.app.cli import main

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


OWN_NETWORKS = (ROOT / "docs/own_networks.md").read_text(encoding="utf-8")


def blocks(kind: str, page: str = README) -> list[str]:
    return re.findall(rf"```{kind}\n(.*?)```", page, flags=re.DOTALL)


def test_the_readme_s_python_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    programs = blocks("python")
    assert programs
    for program in programs:
        path = tmp_path / "program.py"
        path.write_text(program, encoding="utf-8")
        runpy.run_path(str(path))


def test_the_networks_of_ones_own_run_as_the_page_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    modules, functions, use = blocks("python", OWN_NETWORKS)
    assert len(modules.strip().splitlines()) <= 22
    for program in (modules, functions + use):
        path = tmp_path / "program.py"
        path.write_text(program, encoding="utf-8")
        runpy.run_path(str(path))
    (tmp_path / "nets.py").write_text(functions, encoding="utf-8")
    (lines,) = re.findall(r"```\n(diabolo.*?)```", OWN_NETWORKS, flags=re.DOTALL)
    for line in lines.splitlines():
        with pytest.raises(SystemExit) as end:
            main([*shlex.split(line)[1:], *(["--force", "--epochs", "1"] if " train " in line else [])])
        assert end.value.code in (0, None), line
    assert (tmp_path / "gelu.html").is_file()


def test_the_readme_s_commands_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    lines = [line[2:] for block in blocks("console") for line in block.splitlines() if line.startswith("$ ")]
    assert len(lines) >= 5
    for line in lines:
        name, *words = shlex.split(line)
        assert name == "diabolo"
        with pytest.raises(SystemExit) as end:
            main(words)
        assert end.value.code in (0, None), line
    assert (tmp_path / "page.html").is_file()
    assert len(list((tmp_path / "restored").iterdir())) == 1438


def test_links_and_pictures_are_there() -> None:
    for target in re.findall(r"\]\(([^)]+)\)", README):
        assert (ROOT / target).exists(), target


def test_the_command_line_page_is_up_to_date() -> None:
    generated = runpy.run_path(str(ROOT / "docs/cli_page.py"))["page"]()
    assert (ROOT / "docs/cli.md").read_text(encoding="utf-8") == generated, "run: python docs/cli_page.py"
