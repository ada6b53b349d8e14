"""The model file: equal bits, refusals with reasons, nothing but FormatError for foreign bytes, written whole."""

import copy
import errno
import json
import re
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from diabolo.errors import FileError, FormatError
from diabolo.estimator import Autoencoder, load
from diabolo.training.files import tensor_file
from diabolo.training.files.contents import Extra
from diabolo.training.files.model_file import load_model, save_model
from diabolo.training.files.tensor_file import FORMAT, digest
from diabolo.version import __version__

X = np.random.default_rng(0).normal(size=(60, 6, 5))


@cache
def estimator(preset: str = "dense") -> Autoencoder:
    return Autoencoder(preset, latent=3, epochs=2, batch_size=32).fit(X)


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "model.safetensors"
    estimator().save(path)
    return path


def parts(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    with safe_open(path, "pt") as file:
        return load_file(path), json.loads(file.metadata()["diabolo"])


def rewritten(path: Path, change: Callable[[dict[str, Any]], object], **tensors: Tensor) -> Path:
    """Change the JSON of a model file, and some of its tensors."""
    weights, plain = parts(path)
    plain = copy.deepcopy(plain)
    change(plain)
    forge({**weights, **tensors}, path, plain)
    return path


def forge(tensors: dict[str, Tensor], path: Path, plain: dict[str, Any]) -> None:
    """Write a file with the right checksum, whatever is in it."""
    plain.pop("sha256", None)
    save_file(tensors, path, metadata={"diabolo": json.dumps({**plain, "sha256": digest(tensors, plain)})})


def put(value: Any, *keys: Any) -> Callable[[dict[str, Any]], None]:
    """Return a change that puts `value` at the path `keys` of the JSON."""

    def change(plain: Any) -> None:
        for key in keys[:-1]:
            plain = plain[key]
        plain[keys[-1]] = value

    return change


@pytest.mark.parametrize("preset", ["dense", "deep", "conv", "vae"])
def test_what_is_loaded_is_what_was_saved_to_the_bit(preset: str, tmp_path: Path) -> None:
    one, path = estimator(preset), tmp_path / "m.safetensors"
    one.save(path)
    other = load(path)
    theirs = other.trained_.model.state_dict()
    for name, weights in one.trained_.model.state_dict().items():
        assert torch.equal(weights, theirs[name])
        assert weights.stride() == theirs[name].stride()
    assert other.trained_.history == one.trained_.history
    assert other.trained_.about == one.trained_.about
    assert other.trained_.model.config == one.trained_.model.config
    assert not other.trained_.model.training
    for name in ("encode", "reconstruct", "score_samples"):
        assert np.array_equal(getattr(other, name)(X), getattr(one, name)(X))
    other.save(tmp_path / "again.safetensors")
    assert (tmp_path / "again.safetensors").read_bytes() == path.read_bytes()


def test_what_a_job_adds_is_kept(tmp_path: Path) -> None:
    arrays = {"lowest": np.arange(3, dtype=np.int32), "table": np.ones((2, 2))}
    extras = {"compress": Extra({"quality": 22.5}, arrays), "detect": Extra()}
    save_model(tmp_path / "m.safetensors", replace(estimator("dense").trained_, extras=extras))
    found = load(tmp_path / "m.safetensors").trained_.extras
    assert found["compress"].plain == {"quality": 22.5}
    assert found["detect"] == Extra()
    for name, array in arrays.items():
        assert np.array_equal(found["compress"].arrays[name], array)


@pytest.mark.parametrize(
    "dtype", ["?", "u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8", "f2", "f4", "f8", ">f4", ">u2", "f16"]
)
@pytest.mark.parametrize("shape", [(40, 5), (40, 3, 4)])
def test_data_of_any_type_make_a_file_that_can_be_read(dtype: str, shape: tuple[int, ...], tmp_path: Path) -> None:
    x = np.random.default_rng(0).integers(0, 2 if dtype == "?" else 100, shape).astype(dtype)
    one = Autoencoder(latent=2, epochs=1, batch_size=32).fit(x)
    one.save(tmp_path / "m.safetensors")
    other = load(tmp_path / "m.safetensors")
    assert np.array_equal(other.reconstruct(x), one.reconstruct(x))
    assert other.reconstruct(x).dtype == (np.float64 if dtype == "f16" else np.dtype(dtype).newbyteorder("="))


@pytest.mark.parametrize("latent", [np.int64(2), np.int32(2)])
def test_a_latent_of_numpys_type_can_be_saved(latent: Any, tmp_path: Path) -> None:
    Autoencoder(latent=latent, epochs=1).fit(X[:, :, 0]).save(tmp_path / "m.safetensors")
    assert load(tmp_path / "m.safetensors").latent == 2


def test_the_metadata_say_what_the_model_is(saved: Path) -> None:
    tensors, plain = parts(saved)
    assert set(plain) == {"format", "config", "preprocessing", "history", "about", "extras", "sha256"}
    assert plain["format"] == FORMAT
    assert plain["config"]["shape"] == [6, 5]
    assert plain["preprocessing"] == {
        "dtype": "<f8",
        "unit": False,
        "constant": [],
        "per_column": False,
        "curved": False,
    }
    about = plain["about"]
    assert (about["diabolo"], about["samples"], about["seed"], about["stopped"]) == (__version__, 60, 0, "finished")
    assert re.fullmatch("sha256:[0-9a-f]{64}", about["fingerprint"])
    assert about["recipe"]["epochs"] == len(plain["history"]) == 2
    assert {name.partition(".")[0] for name in tensors} == {"model", "preprocessing"}


@pytest.mark.parametrize("version", [FORMAT + 1, 99, 0, "1", None])
def test_another_format_is_refused_with_the_reason(version: Any, saved: Path) -> None:
    with pytest.raises(FormatError, match=f"format version {version}, this diabolo reads {FORMAT}"):
        load(rewritten(saved, put(version, "format")))


def test_a_choice_of_a_newer_version_is_refused_with_the_reason(saved: Path) -> None:
    with pytest.raises(FormatError, match=r"bottleneck must be one of plain, variational, rounded, .*got 'folded'"):
        load(rewritten(saved, put({"kind": "folded"}, "config", "bottleneck")))
    with pytest.raises(FormatError, match="unknown keys"):
        load(rewritten(saved, put(1, "config", "depth")))


HUGE = 2**31 - 1


@pytest.mark.parametrize(
    ("value", "keys"),
    [
        ([HUGE], ("network", "widths")),
        ([HUGE] * 2, ("network", "widths")),
        ([HUGE] * 64, ("network", "widths")),
        ([16] * 64, ("network", "widths")),
        ([HUGE], ("shape",)),
        ([HUGE] * 3, ("shape",)),
        ([7, 5], ("shape",)),
        (HUGE, ("latent",)),
        (4, ("latent",)),
        ({"kind": "convolutional", "channels": [HUGE] * 3, "dense": True}, ("network",)),
        ({"kind": "convolutional", "channels": [HUGE] * 64, "dense": False}, ("network",)),
        ({"kind": "convolutional", "channels": [4], "dense": True}, ("network",)),
        ({"kind": "variational"}, ("bottleneck",)),
        (10**400, ("beta",)),
    ],
    ids=lambda value: str(value)[:60],
)
def test_a_configuration_that_lies_is_refused_before_memory_is_taken(
    value: Any, keys: tuple[str, ...], saved: Path
) -> None:
    rewritten(saved, put(value, "config", *keys))
    tracemalloc.start()
    with pytest.raises(FormatError):
        load(saved)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 50 << 20


@pytest.mark.parametrize(
    ("value", "keys"),
    [
        ("<c8", ("preprocessing", "dtype")),
        ("|O", ("preprocessing", "dtype")),
        (["<f4"], ("preprocessing", "dtype")),
        (True, ("preprocessing", "per_column")),
        (["x"], ("preprocessing", "constant")),
        ([float("inf")], ("preprocessing", "constant")),
        (3, ("preprocessing", "constant")),
        (None, ("preprocessing",)),
        ([1], ("history",)),
        ([{"epoch": 1}], ("history",)),
        (10**400, ("history", 0, "loss")),
        (3, ("about",)),
        (3, ("extras",)),
        ({"job": 3}, ("extras",)),
        ([], ("config",)),
    ],
    ids=lambda value: str(value)[:60],
)
def test_metadata_that_cannot_be_used_are_refused(value: Any, keys: tuple[Any, ...], saved: Path) -> None:
    with pytest.raises(FormatError):
        load(rewritten(saved, put(value, *keys)))


@pytest.mark.parametrize("key", ["format", "config", "preprocessing", "history", "about"])
def test_metadata_that_are_missing_are_refused(key: str, saved: Path) -> None:
    with pytest.raises(FormatError):
        load(rewritten(saved, lambda plain: plain.pop(key)))


@pytest.mark.parametrize(
    ("name", "tensor"),
    [
        ("preprocessing.scale", torch.zeros(1, dtype=torch.float64)),
        ("preprocessing.scale", torch.tensor([-1.0]).double()),
        ("preprocessing.scale", torch.tensor([torch.inf]).double()),
        ("preprocessing.offset", torch.tensor([torch.nan]).double()),
        ("preprocessing.offset", torch.zeros(1)),
        ("preprocessing.offset", torch.zeros(30).double()),
        ("preprocessing.offset", torch.zeros(1).bfloat16()),
        ("model.encoder.network.1.bias", torch.zeros(3).double()),
        ("model.encoder.network.1.bias", torch.zeros(4)),
        ("model.encoder.network.9.bias", torch.zeros(3)),
    ],
    ids=lambda value: value if isinstance(value, str) else str(value.tolist())[:20],
)
def test_tensors_that_do_not_fit_are_refused(name: str, tensor: Tensor, saved: Path) -> None:
    with pytest.raises(FormatError):
        load(rewritten(saved, lambda _: None, **{name: tensor}))


def test_a_missing_tensor_is_refused(saved: Path) -> None:
    for name in parts(saved)[0]:
        tensors, plain = parts(saved)
        del tensors[name]
        other = saved.with_name("other.safetensors")
        forge(tensors, other, plain)
        with pytest.raises(FormatError):
            load(other)


def test_other_files_are_refused_by_what_they_are(tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    for metadata in (None, {"format": "pt"}):
        save_file({"weight": torch.zeros(3)}, path, metadata=metadata)
        with pytest.raises(FormatError, match="is a safetensors file, but not a model file of diabolo"):
            load(path)
    for text in ("", "[]", "null", "{", "1", "[" * 100_000):
        save_file({"weight": torch.zeros(3)}, path, metadata={"diabolo": text})
        with pytest.raises(FormatError):
            load(path)
    for content in (b"", b"PK\x03\x04" + bytes(100), b"\x80\x02cos\nsystem\n(S'true'\ntR.", b"\xff" * 1000):
        path.write_bytes(content)
        with pytest.raises(FormatError, match="is not a readable model file"):
            load(path)


def refused_or_read(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    try:
        load_model(path)
    except FormatError as error:
        assert str(path) in str(error)  # noqa: PT017


def test_a_file_cut_off_anywhere_is_refused(saved: Path) -> None:
    good = saved.read_bytes()
    for length in [*range(0, 200, 7), *range(200, len(good), len(good) // 60), len(good) - 1]:
        saved.write_bytes(good[:length])
        with pytest.raises(FormatError):
            load_model(saved)


@settings(max_examples=250, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    flips=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(1, 255)), min_size=1, max_size=4),
    header=st.booleans(),
)
def test_flipped_bytes_are_refused_or_read_with_no_other_error(
    flips: list[tuple[float, int]], header: bool, tmp_path: Path
) -> None:
    path = tmp_path / "flipped.safetensors"
    if not (tmp_path / "good.safetensors").exists():
        estimator().save(tmp_path / "good.safetensors")
    content = bytearray((tmp_path / "good.safetensors").read_bytes())
    end = 8 + int.from_bytes(content[:8], "little") if header else len(content)
    for place, change in flips:
        content[int(place * end)] ^= change
    refused_or_read(path, bytes(content))


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=300), framed=st.booleans())
def test_random_bytes_are_refused(content: bytes, framed: bool, tmp_path: Path) -> None:
    path = tmp_path / "random.safetensors"
    path.write_bytes(len(content).to_bytes(8, "little") + content if framed else content)
    with pytest.raises(FormatError):
        load_model(path)


def test_a_path_without_a_file_says_how_to_make_one(tmp_path: Path) -> None:
    for path in (tmp_path / "none.safetensors", tmp_path):
        with pytest.raises(FileError, match=r"There is no model file .*; `diabolo train DATA --out"):
            load(path)


def test_what_is_there_is_kept_unless_force_is_given(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(b"precious")
    with pytest.raises(FileError, match="is already there; choose another name or pass --force"):
        estimator().save(path)
    assert path.read_bytes() == b"precious"
    estimator().save(path, force=True)
    assert load(path).latent == 3
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_a_path_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="is a folder"):
        estimator().save(tmp_path, force=True)
    with pytest.raises(FileError, match="does not exist; make it first"):
        estimator().save(tmp_path / "none" / "model.safetensors")


def test_a_name_too_long_is_refused(tmp_path: Path) -> None:
    estimator().save(tmp_path / f"{'m' * 240}.safetensors")
    with pytest.raises(FileError, match="too long"):
        estimator().save(tmp_path / f"{'m' * 250}.safetensors")


@pytest.mark.parametrize(
    "failure",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)"),
    ],
    ids=["OSError", "SafetensorError"],
)
@pytest.mark.parametrize("there", [False, True])
def test_a_full_disk_leaves_what_was_there(
    failure: Exception, there: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "model.safetensors"
    if there:
        path.write_bytes(b"precious")

    def save(_: object, filename: Path, **__: object) -> None:
        Path(filename).write_bytes(b"half")
        raise failure

    monkeypatch.setattr(tensor_file, "save_file", save)
    with pytest.raises(FileError, match=r"could not be written: .*[Nn]o space"):
        estimator().save(path, force=True)
    assert [file.name for file in tmp_path.iterdir()] == [path.name] * there
    assert not there or path.read_bytes() == b"precious"


LIMITED = """
import resource, sys
from pathlib import Path
from diabolo.errors import FileError
from diabolo.estimator import load
estimator = load(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
try:
    estimator.save(sys.argv[2])
except FileError as error:
    sys.exit(0)
"""


def test_a_write_that_the_system_refuses_is_a_file_error(saved: Path) -> None:
    other = saved.with_name("other.safetensors")
    done = subprocess.run([sys.executable, "-c", LIMITED, saved, other], capture_output=True, text=True, check=False)
    assert [file.name for file in saved.parent.iterdir()] == [saved.name]
    assert done.returncode == 0, done.stderr


def test_the_file_appears_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, seen = tmp_path / "model.safetensors", []
    real = tensor_file.save_file

    def save(tensors: Any, filename: Path, **options: Any) -> None:
        seen.append((path.exists(), Path(filename).parent == tmp_path))
        real(tensors, filename, **options)

    monkeypatch.setattr(tensor_file, "save_file", save)
    estimator().save(path)
    assert seen == [(False, True)]
    assert path.stat().st_mode & 0o777 == 0o666 & ~_umask()


def _umask() -> int:
    status = Path("/proc/self/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("Umask")).split()[1], 8)
