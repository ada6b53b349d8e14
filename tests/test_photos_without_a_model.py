"""Photos through the bundled codec: a folder of any sizes and modes, as a user does it."""

from pathlib import Path

import numpy as np
from PIL import Image
from typer.testing import CliRunner

from diabolo.app.cli import app


def picture(height: int, width: int) -> Image.Image:
    rows, columns = np.mgrid[:height, :width] / 20
    planes = [np.sin(rows + k) * np.cos(columns * (1 + k / 3)) * 90 + 128 for k in range(3)]
    grain = np.random.default_rng(0).normal(size=(height, width, 3)) * 6
    return Image.fromarray(np.clip(np.stack(planes, -1) + grain, 0, 255).astype(np.uint8))


def run(*words: object) -> str:
    found = CliRunner().invoke(app, [str(word) for word in words])
    assert found.exit_code == 0, found.output
    return found.output


def test_a_folder_of_photos_comes_back_with_names_sizes_and_modes(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    (photos / "more").mkdir(parents=True)
    picture(70, 45).save(photos / "a.png")
    picture(33, 90).save(photos / "more" / "b.png")
    picture(40, 40).convert("L").save(photos / "grey.png")
    run("compress", photos, "--out", tmp_path / "x.dbo", "--quality", 32, "--quiet")
    assert (tmp_path / "x.dbo").stat().st_size < sum(path.stat().st_size for path in photos.rglob("*.*"))
    run("decompress", tmp_path / "x.dbo", "--out", tmp_path / "back", "--quiet")
    for name in ("a.png", "more/b.png", "grey.png"):
        before, after = (Image.open(folder / name) for folder in (photos, tmp_path / "back"))
        assert (before.size, before.mode) == (after.size, after.mode)
        error = np.square(np.asarray(before, float) - np.asarray(after, float)).mean()
        assert 10 * np.log10(255**2 / error) >= 32
