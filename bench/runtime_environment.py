"""The environment without torch: built from its wheel, weighed, and asked for the answers that the full package gives.

python bench/runtime_environment.py [--write docs/deploy.md]     builds, weighs, compares (a minute, needs an index)
python bench/runtime_environment.py --modules                    writes the list of modules into runtime/pyproject.toml
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import venv
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parent.parent
PROJECT = ROOT / "runtime" / "pyproject.toml"
DOORS = (
    "diabolo.app.light",
    "diabolo.app.output.answers",
    "diabolo.deploy.export.onnx_file",
    "diabolo.deploy.runtime.table",
    "diabolo.deploy.service.app",
    "diabolo.deploy.service.run",
    "diabolo.files",
)
"""What the commands of diabolo-runtime import, some of it only when they run."""
LISTED = re.compile(r"py-modules = \[\n(.*?)\]", re.DOTALL)


def modules() -> list[str]:
    """Return the modules of diabolo that the doors load, in a process of its own."""
    program = f"import sys, {', '.join(DOORS)}; print(*sorted(n for n in sys.modules if n.startswith('diabolo.')))"
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env={"PYTHONPATH": str(ROOT / "src")})
    files = {name: ROOT / "src" / Path(*name.split(".")) for name in done.stdout.split()}
    return [name for name, place in files.items() if not place.is_dir()]


def listed() -> list[str]:
    """Return the modules that the project lists."""
    found = LISTED.search(PROJECT.read_text(encoding="utf-8"))
    assert found is not None
    return re.findall(r'"([\w.]+)"', found[1])


def write_list() -> None:
    text = "".join(f'    "{name}",\n' for name in modules())
    PROJECT.write_text(LISTED.sub(f"py-modules = [\n{text}]", PROJECT.read_text(encoding="utf-8")), encoding="utf-8")


def megabytes(folder: Path) -> float:
    return sum(path.lstat().st_size for path in folder.rglob("*") if not path.is_symlink()) / 1e6


def environment(folder: Path, what: str) -> tuple[Path, float]:
    """Return the Python of an environment into which the wheel was installed, and the megabytes of its packages."""
    wheels = folder / "wheels"
    shutil.rmtree(PROJECT.parent / "build", ignore_errors=True)  # what an earlier build left would be packed too
    build = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(wheels), str(PROJECT.parent)]
    subprocess.run(build, check=True)
    place = folder / f"environment{what.strip('[]')}"
    venv.create(place, with_pip=True)
    (wheel,) = wheels.glob("*.whl")
    python = place / "bin" / "python"
    bare = megabytes(place)
    install = [str(python), "-m", "pip", "install", "-q", "-c", str(ROOT / "constraints.txt"), f"{wheel}{what}"]
    subprocess.run(install, check=True)
    return python, megabytes(place) - bare


def answers(program: list[str], folder: Path, path: Mapping[str, str]) -> list[dict[str, object]]:
    command = [*program, "score", "rows.csv", "-m", "model.safetensors"]
    alone = {name: text for name, text in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True, env=alone | path)
    return [json.loads(line) for line in done.stdout.splitlines()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--modules", action="store_true")
    if parser.parse_args().modules:
        write_list()
        return
    from one_row_speed import tables, train

    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        tables(folder)
        train(folder, "mixed", str(ROOT / "src"))
        (folder / "mixed.safetensors").rename(folder / "model.safetensors")
        (folder / "mixed.csv").rename(folder / "rows.csv")
        full = answers([sys.executable, "-m", "diabolo"], folder, {"PYTHONPATH": str(ROOT / "src")})
        for what in ("", "[serve]", "[onnx]"):
            python, weight = environment(folder, what)
            own = answers([str(python.parent / "diabolo")], folder, {})
            loaded = subprocess.run(
                [str(python), "-m", "pip", "list"], capture_output=True, text=True, check=True
            ).stdout
            same = "the same answers" if own == full else "OTHER ANSWERS"
            print(f"diabolo-runtime{what}: {weight:.0f} MB, {same} to {len(own):,} rows as diabolo")
            assert "torch" not in loaded
            assert "polars" not in loaded


if __name__ == "__main__":
    main()
