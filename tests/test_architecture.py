"""The direction of imports, the size of files, no pickle, the public names, and a command line that answers at once."""

import ast
import graphlib
import runpy
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import diabolo

ROOT = Path(diabolo.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))
ROOMS = (
    "errors",
    "version",
    "files",
    "config",
    "model",
    "presets",
    "data",
    "training",
    "coding",
    "jobs",
    "samples",
    "learnt",
    "detecting",
    "estimator",
)
ORDER = (*ROOMS, "deploy", "app", "__main__", "__init__")
PICKLERS = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
PUBLIC = ["Autoencoder", "__version__", "load", "open_data", "register_networks"]
HEAVY = ("torch", "sklearn", "numpy", "scipy", "polars", "matplotlib", "PIL")
each_file = pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))


def name_of(file: Path) -> str:
    """Return 'model.layers' for model/layers.py, 'model' for model/__init__.py, '__init__' for the package's own."""
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)


MODULES = {name_of(file): file for file in FILES}


def imports(file: Path) -> Iterator[str]:
    """Yield the full name of everything that a file imports, wherever it does so."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        if isinstance(node, ast.ImportFrom):
            assert not node.level, f"{file} imports by dots; name the file in full"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def modules_used(file: Path) -> set[str]:
    """Return the modules of diabolo that a file imports, as `name_of` gives them."""
    used = set()
    for full in imports(file):
        parts = full.split(".")
        if parts[0] == "diabolo":
            inside = [".".join(parts[1:end]) for end in range(len(parts), 1, -1)]
            used.add(next((name for name in inside if name in MODULES), "__init__"))
    return used


def room(module: str) -> str:
    return module.split(".")[0]


@each_file
def test_a_file_imports_only_from_rooms_above(file: Path) -> None:
    own = room(name_of(file))
    assert own in ORDER, f"{own} is a new room: put it into the order here and in DESIGN.md"
    for used in modules_used(file):
        assert ORDER.index(room(used)) <= ORDER.index(own), f"{name_of(file)} imports {used} from a room below its own"


@pytest.mark.parametrize("name", sorted({room(name) for name in MODULES}))
def test_the_files_of_a_room_import_in_no_circle(name: str) -> None:
    graph = {module: modules_used(file) - {module} for module, file in MODULES.items() if room(module) == name}
    graphlib.TopologicalSorter(graph).prepare()  # raises CycleError


@each_file
def test_no_file_imports_the_packages_own_door(file: Path) -> None:
    assert "__init__" not in modules_used(file)


def test_the_doors_of_the_rooms_are_empty() -> None:
    assert all(not file.read_text().strip() for file in ROOT.glob("*/**/__init__.py"))


@each_file
def test_nothing_is_pickled(file: Path) -> None:
    assert not PICKLERS & {part for full in imports(file) for part in full.split(".")}
    for call in (node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Call)):
        assert ast.unparse(call.func) not in ("torch.load", "torch.save", "pandas.read_pickle", "np.fromregex")
        for option in call.keywords:
            assert option.arg != "allow_pickle" or ast.unparse(option.value) == "False"


@each_file
def test_a_file_is_read_in_one_sitting(file: Path) -> None:
    assert len(file.read_text().splitlines()) <= 350


@each_file
def test_a_file_says_what_it_is_for(file: Path) -> None:
    text = file.read_text()
    assert not text.strip() or ast.get_docstring(ast.parse(text))


def test_the_public_names_are_the_documented_ones() -> None:
    assert sorted(diabolo.__all__) == PUBLIC
    assert all(getattr(diabolo, name) is not None for name in PUBLIC)
    with pytest.raises(AttributeError, match="no attribute 'other'"):
        _ = diabolo.other


@pytest.mark.parametrize("module", ["diabolo", "diabolo.app.cli", "diabolo.config.json", "diabolo.presets.presets"])
def test_the_command_line_loads_nothing_heavy(module: str) -> None:
    program = f"import sys, {module}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert not set(HEAVY) & set(done.stdout.split())


FOLDERS = sorted({file.parent for file in FILES})


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: str(folder.relative_to(ROOT)))
def test_a_folder_reads_like_a_table_of_contents(folder: Path) -> None:
    assert len(list(folder.glob("*.py"))) <= 14


def test_the_folders_of_a_room_import_in_no_circle() -> None:
    graph: dict[str, set[str]] = {}
    for module, file in MODULES.items():
        own = folder_of(module)
        for used in modules_used(file):
            other = folder_of(used)
            if room(used) == room(module) and other != own and not nested(own, other):
                graph.setdefault(own, set()).add(other)
    graphlib.TopologicalSorter(graph).prepare()  # raises CycleError


def folder_of(module: str) -> str:
    return module.rsplit(".", 1)[0] if "." in module else module


def nested(one: str, other: str) -> bool:
    """Return whether one folder lies in the other: a parent's files may stand above or below those of a child."""
    return f"{one}.".startswith(f"{other}.") or f"{other}.".startswith(f"{one}.")


def test_the_tree_in_the_documentation_is_true() -> None:
    name = ROOT.parent.parent / "docs" / "design_page.py"
    program = runpy.run_path(str(name))
    assert program["page"]() == (name.parent / "design.md").read_text(encoding="utf-8"), (
        "run: python docs/design_page.py"
    )
