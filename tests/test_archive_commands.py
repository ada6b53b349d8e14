"""What a user does with an archive and no model at hand: list, verify, take some items out, find the model."""

import hashlib
import json
import runpy
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from diabolo.app.cli import app
from diabolo.coding.archive.archive import ArchiveReader
from diabolo.coding.archive.names import matches
from diabolo.coding.exact.kernel import Kernel
from diabolo.config.json import to_json
from diabolo.config.networks import DenseConfig
from diabolo.data.source import ArraySource
from diabolo.errors import FormatError
from diabolo.jobs.compress.archives.carried import read_carried
from diabolo.jobs.compress.archives.model_search import carried_model
from diabolo.jobs.compress.bundled import PHOTO_CODEC, bundled_codec
from diabolo.jobs.compress.compress import Promise, compress, identity
from diabolo.jobs.compress.decompress import contents
from diabolo.jobs.compress.output import as_array
from diabolo.training.files.model_file import decoding_tensors, preprocessing_to_json, save_model
from diabolo.training.files.tensor_file import write_tensors
from test_compress import X, trained


def run(*words: object) -> tuple[int, str]:
    found = CliRunner().invoke(app, [str(word) for word in words])
    return found.exit_code, found.output + str(found.exception or "")


@pytest.fixture(scope="module")
def album(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of pictures, and the archive of it beside."""
    folder = tmp_path_factory.mktemp("album")
    random = np.random.default_rng(0)
    for name in ("birds/owl.png", "birds/wren.png", "cat.png"):
        (folder / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        smooth = random.normal(0, 2, (30, 40, 3)).cumsum(0).cumsum(1) + 128
        Image.fromarray(np.clip(smooth, 0, 255).astype(np.uint8)).save(folder / "in" / name)
    assert run("compress", folder / "in", "--lossless", "--out", folder / "x.dbo", "--quiet")[0] == 0
    return folder


def test_list_and_info_show_what_an_archive_holds_without_its_model(album: Path) -> None:
    status, told = run("list", album / "x.dbo")
    assert status == 0
    assert told == run("info", album / "x.dbo")[1]
    assert "exact coder that comes with diabolo" in told
    assert [line.split()[:4] for line in told.splitlines()[-3:]] == [
        ["birds/owl.png", "30x40x3", "RGB", "coded"],
        ["birds/wren.png", "30x40x3", "RGB", "coded"],
        ["cat.png", "30x40x3", "RGB", "coded"],
    ]
    facts = json.loads(run("list", album / "x.dbo", "--json")[1])
    assert [item["name"] for item in facts["items"]] == ["birds/owl.png", "birds/wren.png", "cat.png"]
    assert (facts["promise"], facts["bundled"]) == ("lossless", "exact coder")
    assert sum(item["size"] for item in facts["items"]) <= facts["bytes"]


def test_items_without_names_and_strips_are_listed_once(tmp_path: Path) -> None:
    compress(trained(), ArraySource(X[:40]), tmp_path / "a.dbo", promise=Promise.LOSSLESS)
    assert "numbers 0 to 39" in run("list", tmp_path / "a.dbo")[1]
    Image.fromarray(np.zeros((2500, 1000), np.uint8) + np.arange(1000, dtype=np.uint8)).save(tmp_path / "large.png")
    compress_large = run("compress", tmp_path / "large.png", "--max-error", 1, "--out", tmp_path / "l.dbo", "--quiet")
    assert compress_large[0] == 0
    (item,) = json.loads(run("list", tmp_path / "l.dbo", "--json")[1])["items"]
    assert item["shape"] == [2500, 1000]


def test_verify_says_what_is_damaged_and_names_salvage(album: Path, tmp_path: Path) -> None:
    assert run("verify", album / "x.dbo", "--quiet")[0] == 0
    data = bytearray((album / "x.dbo").read_bytes())
    for share in (0.3, 0.5, 0.7):  # more than the parity repairs
        data[int(share * len(data))] ^= 4
    (tmp_path / "hurt.dbo").write_bytes(data)
    status, told = run("verify", tmp_path / "hurt.dbo", "--quiet")
    assert status == 1
    assert "--salvage" in told
    assert "Lost: item" in told or "Lost: items" in told
    (tmp_path / "cut.dbo").write_bytes(data[: 2 * len(data) // 3])
    for name in ("hurt", "cut"):
        status, told = run("decompress", tmp_path / f"{name}.dbo", "--out", tmp_path / "never", "--quiet")
        assert status == 1
        assert "--salvage" in told
    found = json.loads(run("verify", tmp_path / "cut.dbo", "--quiet", "--json")[1].split("\n")[0].removesuffix("1"))
    assert not found["whole"]
    assert not found["complete"]


def test_a_pattern_and_a_folder_take_their_items_and_near_names_are_offered(album: Path, tmp_path: Path) -> None:
    for wanted, names in (("birds", {"owl.png", "wren.png"}), ("*.png", {"owl.png", "wren.png", "cat.png"})):
        out = tmp_path / f"ds_0.{len(names)}"
        assert run("decompress", album / "x.dbo", "--item", wanted, "--out", out, "--quiet")[0] == 0
        assert {path.name for path in out.rglob("*.png")} == names
        for path in out.rglob("*.png"):
            there = np.asarray(Image.open(album / "in" / path.relative_to(out)))
            assert np.array_equal(np.asarray(Image.open(path)), there)
    status, told = run("decompress", album / "x.dbo", "--item", "birds/ow.png", "--out", tmp_path / "a.png")
    assert status == 1
    assert "birds/owl.png" in told
    assert run("decompress", album / "x.dbo", "--item", "dogs/*", "--out", tmp_path / "a", "--quiet")[0] == 1
    assert not (tmp_path / "a").exists()


def test_what_a_pattern_means() -> None:
    assert matches("a/b/c.png", "a/b")
    assert matches("a/b/c.png", "a/b/")
    assert not matches("a/bc.png", "a/b")
    assert matches("a/b.png", "[ab]/*.png")


def test_the_model_of_an_archive_is_found_in_a_folder(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    save_model(tmp_path / "models" / "right.safetensors", trained())
    shutil.copy(Path(__file__).parent / "fixtures" / "v1.safetensors", tmp_path / "models" / "another.safetensors")
    (tmp_path / "models" / "broken.safetensors").write_bytes(b"no model")
    compress(trained(), ArraySource(X[:30]), tmp_path / "a.dbo", promise=Promise.LOSSLESS)
    ask = ["decompress", tmp_path / "a.dbo", "--out", tmp_path / "b.npy", "--quiet"]
    status, told = run(*ask)
    assert status == 1
    assert identity(trained()).hex()[:16] in told
    assert run(*ask, "-m", tmp_path / "models")[0] == 0
    assert np.array_equal(np.load(tmp_path / "b.npy"), X[:30])
    assert identity(trained()).hex() in run("info", tmp_path / "models" / "right.safetensors")[1]


def test_the_photo_codec_is_called_by_its_own_name() -> None:
    assert identity(bundled_codec(Promise.LOSSY)).hex() == PHOTO_CODEC


def test_a_refusal_says_the_path_once(album: Path, tmp_path: Path) -> None:
    (tmp_path / "cut.dbo").write_bytes((album / "x.dbo").read_bytes()[:300])
    with pytest.raises(FormatError) as caught, ArchiveReader(tmp_path / "cut.dbo"):
        pass
    assert str(caught.value).count("cut.dbo") == 1
    assert "--salvage" in str(caught.value)


def test_an_archive_that_carries_its_model_needs_nothing_else(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", X[:30])
    save_model(tmp_path / "m.safetensors", trained())
    ask = ["compress", tmp_path / "x.npy", "-m", tmp_path / "m.safetensors", "--lossless", "--quiet"]
    status, told = run(*ask, "--out", tmp_path / "a.dbo", "--with-model")
    assert status == 0, told
    (tmp_path / "m.safetensors").unlink()
    assert run("verify", tmp_path / "a.dbo", "--quiet")[0] == 0
    assert run("decompress", tmp_path / "a.dbo", "--out", tmp_path / "b.npy", "--quiet")[0] == 0
    assert np.array_equal(np.load(tmp_path / "b.npy"), X[:30])
    data = bytearray((tmp_path / "a.dbo").read_bytes())
    for share in (0.4, 0.6, 0.8):
        data[int(share * len(data))] ^= 1
    (tmp_path / "a.dbo").write_bytes(data)
    status, told = run("decompress", tmp_path / "a.dbo", "--out", tmp_path / "c.npy", "--quiet")
    assert status == 1
    assert "damaged" in told


def test_photos_carry_their_model_and_a_manifest_lists_the_files(album: Path, tmp_path: Path) -> None:
    ask = ["compress", album / "in", "--lossless", "--out", tmp_path / "x.dbo", "--quiet"]
    assert run(*ask, "--with-model", "--manifest", tmp_path / "sums.txt")[0] == 0
    lines = (tmp_path / "sums.txt").read_text().splitlines()
    assert [line.split("  ")[1] for line in lines] == ["birds/owl.png", "birds/wren.png", "cat.png"]
    assert lines[2].split()[0] == hashlib.sha256((album / "in" / "cat.png").read_bytes()).hexdigest()
    wanted = ArchiveReader(tmp_path / "x.dbo").header.model
    carried = carried_model(tmp_path / "x.dbo", wanted)
    assert isinstance(carried, Kernel)
    assert carried.identity == wanted


@pytest.mark.parametrize("promise", list(Promise))
def test_what_an_archive_carries_is_small_and_decodes_it_alone(promise: Promise, tmp_path: Path) -> None:
    error = 2 * (promise == Promise.MAX_ERROR)
    ask = {"promise": promise, "max_error": error}
    plain = compress(trained(), ArraySource(X[:30]), tmp_path / "a.dbo", **ask)  # type: ignore[arg-type]
    whole = compress(trained(), ArraySource(X[:30]), tmp_path / "b.dbo", with_model=True, **ask)  # type: ignore[arg-type]
    save_model(tmp_path / "m.safetensors", trained())
    assert whole.size - plain.size < 0.6 * (tmp_path / "m.safetensors").stat().st_size
    carried = carried_model(tmp_path / "b.dbo", identity(trained()))
    assert carried is not None
    expected = as_array(contents(trained(), tmp_path / "a.dbo"))
    assert np.array_equal(as_array(contents(carried, tmp_path / "b.dbo")), expected)
    program = runpy.run_path(str(Path(__file__).parents[1] / "docs" / "reference_decoder.py"))
    found = np.stack([array for _, array in program["contents"]((tmp_path / "b.dbo").read_bytes(), b"")])
    assert np.abs(found.astype(int) - expected).max() <= (promise == Promise.LOSSY)


def test_a_carried_model_takes_no_more_memory_than_allowed(tmp_path: Path) -> None:
    whole = identity(trained())
    plain = {
        "of": whole.hex(),
        "config": to_json(replace(trained().model.config, network=DenseConfig((1 << 15, 1 << 15)))),
        "preprocessing": preprocessing_to_json(trained().preprocessing),
        "history": [],
        "about": {},
    }
    tensors = {name: tensor for name, tensor in decoding_tensors(trained()).items() if name.startswith("preprocessing")}
    write_tensors(tmp_path / "m", tensors, "diabolo-carried", plain, force=False)
    with pytest.raises(FormatError, match="weights"):
        read_carried(tmp_path / "m")


def test_names_say_nothing_to_a_terminal(tmp_path: Path) -> None:
    picture = tmp_path / "in" / "a\x9b31m\u202e.png"
    picture.parent.mkdir()
    Image.fromarray(np.zeros((4, 4), np.uint8)).save(picture)
    assert run("compress", picture.parent, "--lossless", "--out", tmp_path / "x.dbo", "--quiet")[0] == 0
    for told in (
        run("list", tmp_path / "x.dbo")[1],
        run("decompress", tmp_path / "x.dbo", "--item", "b*", "--out", tmp_path / "b")[1],
    ):
        assert "a\\x9b31m\\u202e.png" in told
        assert "\x9b" not in told
