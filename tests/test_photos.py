"""Photos in and out: depth, colour and transparency kept; what cannot be cleaned is refused with the reason."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageCms

from diabolo.app.cli import main
from diabolo.app.learning_data import Wanted, material
from diabolo.data.images.pairs import Neighbours, Pairs, matched
from diabolo.data.images.patches import Patches
from diabolo.data.images.photos import Photo, open_shelf, write_photo
from diabolo.data.source import ArraySource
from diabolo.errors import ArgumentError, FileError, FormatError, InputError
from diabolo.jobs.evaluate.quality import psnr

RANDOM = np.random.default_rng(0)


@pytest.mark.parametrize("ending", ["png", "tif"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("shape", [(9, 7), (9, 7, 3)])
@pytest.mark.parametrize("alpha", [False, True])
def test_there_and_back(tmp_path: Path, ending: str, dtype: type, shape: tuple[int, ...], alpha: bool) -> None:
    most = np.iinfo(dtype).max
    pixels = RANDOM.integers(0, most + 1, shape).astype(dtype)
    clear = RANDOM.integers(0, most, shape[:2]).astype(dtype) if alpha else None
    path = tmp_path / f"a.{ending}"
    write_photo(path, Photo(pixels, clear), force=False)
    back = open_shelf(path).read(path.name)
    assert back.pixels.dtype == dtype
    assert np.array_equal(back.pixels, pixels)
    assert (back.alpha is None) == (clear is None)
    if clear is not None and back.alpha is not None:
        assert np.array_equal(back.alpha, clear)


def bad_files(folder: Path) -> None:
    grey = Image.fromarray(RANDOM.integers(0, 256, (20, 20)).astype(np.uint8))
    grey.save(folder / "good.png")
    grey.convert("CMYK").save(folder / "cmyk.tif")
    grey.convert("1").save(folder / "bit.png")
    grey.save(folder / "moving.gif", save_all=True, append_images=[Image.fromarray(255 - np.asarray(grey))])
    (folder / "empty.png").write_bytes(b"")
    (folder / "cut.png").write_bytes((folder / "good.png").read_bytes()[:200])


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("cmyk.tif", "CMYK"),
        ("bit.png", "1 bit"),
        ("moving.gif", "animated"),
        ("empty.png", "empty"),
        ("cut.png", "cut"),
    ],
)
def test_what_cannot_be_cleaned_is_named(tmp_path: Path, name: str, said: str) -> None:
    bad_files(tmp_path)
    with pytest.raises(FormatError, match=said):
        open_shelf(tmp_path).read(name)


def test_the_others_of_a_folder_are_cleaned(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "in").mkdir()
    bad_files(tmp_path / "in")
    with pytest.raises(SystemExit) as end:
        main(["denoise", str(tmp_path / "in"), "--out", str(tmp_path / "out"), "--quiet"])
    assert end.value.code == 1
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["good.png"]
    assert "5 of 6 pictures" in capsys.readouterr().err


def test_a_page_and_figures_against_the_clean_picture(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    clean = np.full((40, 40), 128, np.uint8)
    Image.fromarray(clean).save(tmp_path / "clean.png")
    noisy = np.rint(clean + RANDOM.normal(0, 25, clean.shape)).clip(0, 255).astype(np.uint8)
    Image.fromarray(noisy).save(tmp_path / "noisy.png")
    words = ["denoise", "noisy.png", "--out", "out.png", "--clean", "clean.png", "--report", "page.html", "--quiet"]
    words = [str(tmp_path / word) if "." in word else word for word in words]
    with pytest.raises(SystemExit) as end:
        main(words)
    assert end.value.code in (0, None)
    assert "dB" in capsys.readouterr().out
    page = (tmp_path / "page.html").read_text()
    assert "total variation" in page
    assert page.count('type="range"') == 1


def test_pairs_without_a_partner_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for folder, names in (("noisy", "ab"), ("clean", "ac")):
        (tmp_path / folder).mkdir()
        for name in names:
            Image.fromarray(np.zeros((8, 8), np.uint8)).save(tmp_path / folder / f"{name}.png")
    with pytest.raises(SystemExit) as end:
        main(
            ["train", "--noisy", str(tmp_path / "noisy"), "--clean", str(tmp_path / "clean"), "--out", "m.safetensors"]
        )
    assert end.value.code == 1
    said = capsys.readouterr().err
    assert "b.png" in said
    assert "c.png" in said


def test_partners_are_found_by_their_names_but_for_words_like_real_and_mean(tmp_path: Path) -> None:
    names = {"in": ("canon_1_real.png", "canon_2_Real.jpg", "d-800_real.png")}
    names["out"] = ("canon_1_mean.png", "canon_2_mean.png", "d-800_mean.png")
    for folder, there in names.items():
        (tmp_path / folder).mkdir()
        for name in there:
            Image.fromarray(np.zeros((8, 8), np.uint8)).save(tmp_path / folder / name)
    found = matched(open_shelf(tmp_path / "in"), open_shelf(tmp_path / "out"))
    assert found == dict(zip(names["in"], names["out"], strict=True))
    for number in range(6):
        Image.fromarray(np.zeros((8, 8), np.uint8)).save(tmp_path / "in" / f"extra{number}.png")
    with pytest.raises(FormatError, match=r"canon_1_real.png, .*canon_2_Real.jpg, .*d-800_real.png and 9 more; add"):
        matched(open_shelf(tmp_path / "in"), open_shelf(tmp_path / "out"))


@pytest.mark.parametrize("ending", ["png", "jpg", "tif"])
def test_the_cameras_notes_the_profile_and_the_resolution_are_kept(tmp_path: Path, ending: str) -> None:
    exif = Image.Exif()
    exif[0x0110], exif[0x0112] = "Camera 1", 6  # model, and a picture that lies on its side
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    given = Image.fromarray(RANDOM.integers(0, 256, (20, 30, 3)).astype(np.uint8))
    given.save(tmp_path / "in.jpg", exif=exif, icc_profile=profile, dpi=(300, 300))
    with pytest.raises(SystemExit) as end:
        main(["denoise", str(tmp_path / "in.jpg"), "--out", str(tmp_path / f"out.{ending}"), "--quiet"])
    assert not end.value.code
    with Image.open(tmp_path / f"out.{ending}") as after:
        assert after.size == (20, 30)
        assert after.getexif()[0x0110] == "Camera 1"
        assert after.getexif().get(0x0112, 1) == 1
        assert after.info["icc_profile"] == profile
        assert tuple(round(float(value)) for value in after.info["dpi"]) == (300, 300)


def test_a_picture_keeps_its_name_beside_another_of_the_same_stem(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for name, value in (("p00.jpg", 50), ("p00.png", 150)):
        Image.fromarray(np.full((24, 24), value, np.uint8)).save(tmp_path / "in" / name)
    with pytest.raises(SystemExit) as end:
        main(["denoise", str(tmp_path / "in"), "--out", str(tmp_path / "out"), "--quiet"])
    assert not end.value.code
    means = {path.name: round(float(np.asarray(Image.open(path)).mean())) for path in (tmp_path / "out").iterdir()}
    assert means == {"p00.png": 150, "p00.jpg.png": 50}


def test_pairs_of_different_sizes_are_named_one_by_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for folder, sides in (("noisy", (8, 8, 9)), ("clean", (8, 9, 8))):
        (tmp_path / folder).mkdir()
        for name, side in zip("abc", sides, strict=True):
            Image.fromarray(np.zeros((8, side), np.uint8)).save(tmp_path / folder / f"{name}.png")
    words = ["--noisy", str(tmp_path / "noisy"), "--clean", str(tmp_path / "clean"), "--patch", "8"]
    with pytest.raises(SystemExit) as end:
        main(["train", *words, "--out", str(tmp_path / "m.safetensors")])
    assert end.value.code == 1
    said = capsys.readouterr().err
    assert "b.png is 8x8, its clean partner 9x8; c.png is 9x8, its clean partner 8x8" in said
    assert "a.png" not in said


def test_pieces_of_a_pair_are_cut_at_the_same_places(tmp_path: Path) -> None:
    for folder, more in (("noisy", 1), ("clean", 0)):
        (tmp_path / folder).mkdir()
        for name, side in (("a", 12), ("b", 9)):
            image = np.arange(9 * side, dtype=np.uint8).reshape(9, side) + np.uint8(more)
            Image.fromarray(image).save(tmp_path / folder / f"{name}.png")
    wanted = Wanted(None, None, (), str(tmp_path / "noisy"), str(tmp_path / "clean"), False, 5, None, 0)
    pieces = material(wanted)[0].train.take(np.arange(50))
    assert np.array_equal(pieces[:, 0], pieces[:, 1] + 1)


def test_names_that_cannot_hold_it_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="16 bits"):
        write_photo(tmp_path / "a.jpg", Photo(np.zeros((4, 4), np.uint16)), force=False)
    with pytest.raises(ArgumentError, match="transparency"):
        write_photo(tmp_path / "a.jpg", Photo(np.zeros((4, 4), np.uint8), np.zeros((4, 4), np.uint8)), force=False)
    with pytest.raises(FileError, match="not there"):
        open_shelf(tmp_path / "nothing.png")


def test_neighbours_are_pixels_of_one_cell() -> None:
    images = np.arange(2 * 6 * 8).reshape(2, 6, 8)
    pairs = Neighbours(ArraySource(images)).take(np.arange(2))
    assert pairs.shape == (2, 2, 3, 4)
    rows, columns = np.divmod(pairs % 48, 8)
    assert np.array_equal(rows // 2, np.broadcast_to(np.arange(3)[:, None], rows.shape))
    assert np.array_equal(columns // 2, np.broadcast_to(np.arange(4), columns.shape))
    assert (abs(rows[:, 0] - rows[:, 1]) + abs(columns[:, 0] - columns[:, 1]) == 1).all()


def test_patches_are_pieces_and_the_same_again() -> None:
    images = RANDOM.integers(0, 256, (3, 20, 24)).astype(np.uint8)
    patches = Patches((ArraySource(images),), 5, 30)
    taken = patches.take(np.arange(30))
    assert np.array_equal(taken[[7, 3]], patches.take(np.array([7, 3])))
    pieces = np.lib.stride_tricks.sliding_window_view(images, (5, 5), (1, 2)).reshape(-1, 5, 5)
    for patch in taken[:5]:
        turned = [np.rot90(side, turn) for side in (patch, patch[:, ::-1]) for turn in range(4)]
        assert any((pieces == one).all((1, 2)).any() for one in turned)


def waves(height: int, width: int) -> NDArray[np.float64]:
    rows, columns = np.mgrid[:height, :width] / 8
    return np.asarray(128 + 60 * np.sin(rows + columns))


def noisy_folder(folder: Path) -> None:
    folder.mkdir()
    for number, (height, width) in enumerate([(96, 120), (80, 64)]):
        noisy = waves(height, width) + np.random.default_rng(number).normal(0, 25, (height, width))
        Image.fromarray(np.rint(noisy).clip(0, 255).astype(np.uint8)).save(folder / f"{number}.png")


def test_noisy_pictures_of_several_sizes_clean_themselves(tmp_path: Path) -> None:
    noisy_folder(tmp_path / "in")
    model, out = tmp_path / "m.safetensors", tmp_path / "out"
    words = ["--batch-size", "64", "--epochs", "1", "--learning-rate", "0.03", "--patch", "16", "--quiet"]
    for command in (
        ["train", str(tmp_path / "in"), "--self-supervised", "--out", str(model), *words],
        ["denoise", str(tmp_path / "in"), "-m", str(model), "--out", str(out), "--quiet"],
    ):
        with pytest.raises(SystemExit) as end:
            main(command)
        assert end.value.code in (0, None)
    for name in ("0.png", "1.png"):
        cleaned, before = (np.asarray(Image.open(folder / name)) / 255 for folder in (out, tmp_path / "in"))
        truth = waves(*cleaned.shape) / 255
        assert psnr(truth, cleaned) > psnr(truth, before) + 2


def test_pieces_come_from_images_of_every_size() -> None:
    sources = tuple(ArraySource(np.full((count, side, side), side, np.uint8)) for count, side in ((2, 9), (3, 7)))
    taken = Patches(sources, 5, 200).take(np.arange(200))
    assert 0.3 < float((taken[:, 0, 0] == 9).mean()) < 0.5
    assert np.array_equal(taken, np.broadcast_to(taken[:, :1, :1], taken.shape))


def test_pairs_must_match() -> None:
    one, other = ArraySource(np.zeros((3, 4, 4), np.uint8)), ArraySource(np.ones((3, 4, 5), np.uint8))
    with pytest.raises(InputError, match="as many"):
        Pairs(one, other)
    assert Pairs(one, one).take(np.arange(2)).shape == (2, 2, 4, 4)
