"""Compress: bytes, decibels, bits per pixel and speeds on held-out data, beside general codecs; writes docs tables.

python bench/compress_quality.py [--out docs/compress-figures.md] [--only lossy|lossless|faces] [--models FOLDER]
"""

import argparse
import math
import os
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch

from diabolo.app.output.tables import compared_rows, markdown
from diabolo.coding.archive.layout import Promise
from diabolo.data.opening import open_data
from diabolo.data.source import Source, Subset
from diabolo.estimator import Autoencoder, load
from diabolo.jobs.compress.compare.comparison import compare
from diabolo.jobs.compress.compress import Compressed, compress
from diabolo.jobs.compress.decompress import unpacked

FACES = "faces/utkface64.zip"
HEADS = ("", "bytes each", "bits per pixel", "PSNR dB", "compress, images/s", "decompress, images/s", "model, bytes")
Rows = list[tuple[str, ...]]


def model_of(folder: Path, name: str, train: Source, **dials: object) -> Path:
    """Return a model file, trained if it is not there."""
    path = folder / f"{name}.safetensors"
    if not path.exists():
        started = time.perf_counter()
        Autoencoder("codec", **dials).fit(train).save(path)  # type: ignore[arg-type]
        print(
            f"{name}: trained in {time.perf_counter() - started:.0f} s, {torch.get_num_threads()} threads", flush=True
        )
    return path


def measured(name: str, path: Path, held: Source, **options: object) -> tuple[tuple[str, ...], Compressed]:
    """Return a row of the table, and what `compress` says."""
    trained = load(path).trained_
    with TemporaryDirectory() as folder:
        archive = Path(folder) / "a.dbo"
        started = time.perf_counter()
        found = compress(trained, held, archive, **options)  # type: ignore[arg-type]
        middle = time.perf_counter()
        back = np.concatenate([piece.array for piece in unpacked(trained, archive)])
        ended = time.perf_counter()
    if options.get("promise") == Promise.LOSSLESS:
        assert np.array_equal(back, held.take(np.arange(len(held))))
    pixels = math.prod(held.shape[:2])
    row = (
        name,
        f"{found.size / found.items:.2f}",
        f"{8 * found.size / found.items / pixels:.3f}",
        "exact" if found.psnr >= 120 else f"{found.psnr:.2f}",
        f"{found.items / (middle - started):,.0f}",
        f"{found.items / (ended - middle):,.0f}",
        f"{path.stat().st_size:,}",
    )
    print("  ".join(row), flush=True)
    return row, found


def beside(title: str, path: Path, held: Source, found: Compressed) -> str:
    """Return the table of general codecs at the quality of an archive."""
    exact = found.psnr >= 120
    each = found.size / found.items
    size = path.stat().st_size
    table = compare(
        held, psnr=None if exact else found.psnr, model_bytes_per_image=each, model_file_bytes=size, model="diabolo"
    )
    return f"\n{title}\n\n{markdown(compared_rows(table.rows))}" + "".join(f"\n{line}\n" for line in table.warnings)


def lossy(folder: Path) -> str:
    mnist = open_data("mnist")
    assert mnist.test is not None
    rows: Rows = [HEADS]
    standard = model_of(folder, "mnist", mnist.train)
    row, found = measured("MNIST, --quality 22.5", standard, mnist.test, quality=22.5)
    rows.append(row)
    table = beside("MNIST test set at 22.5 dB:", standard, mnist.test, found)
    rows.append(measured("MNIST, natural rate", standard, mnist.test)[0])
    fine = model_of(folder, "mnist-fine", mnist.train, beta=0.005, latent=64)
    rows.append(measured("MNIST, --beta 0.005 --latent 64, --quality 26", fine, mnist.test, quality=26.0)[0])
    return markdown(rows) + table


def lossless(folder: Path) -> str:
    mnist = open_data("mnist")
    assert mnist.test is not None
    standard = model_of(folder, "mnist", mnist.train)
    row, found = measured("MNIST, --lossless", standard, mnist.test, promise=Promise.LOSSLESS)
    rows: Rows = [HEADS, row]
    for error in (2, 8):
        rows.append(
            measured(f"MNIST, --max-error {error}", standard, mnist.test, promise=Promise.MAX_ERROR, max_error=error)[0]
        )
    return markdown(rows) + beside("MNIST test set, exactly:", standard, mnist.test, found)


def faces(folder: Path) -> str:
    """7,000 faces of UTKFace, 64 x 64 in colour: 6,000 to learn from, 1,000 held out, drawn from seed 0."""
    data = open_data(Path(os.environ["DIABOLO_DATA"]) / FACES).train
    order = np.random.default_rng(0).permutation(len(data))
    train, held = Subset(data, np.sort(order[:-1000])), Subset(data, np.sort(order[-1000:]))
    path = model_of(folder, "faces", train)
    row, found = measured("faces, natural rate", path, held)
    return markdown([HEADS, row]) + beside("Held-out faces at equal quality:", path, held, found)


PARTS: dict[str, Callable[[Path], str]] = {"lossy": lossy, "lossless": lossless, "faces": faces}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=PARTS)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--models", type=Path, default=Path("/tmp/diabolo-compress"))
    given = parser.parse_args()
    given.models.mkdir(parents=True, exist_ok=True)
    parts = [part(given.models) for name, part in PARTS.items() if given.only in (None, name)]
    page = "# Compress: figures\n\nWritten by `python bench/compress_quality.py --out docs/compress-figures.md`.\n"
    page += f"{torch.get_num_threads()} threads; the machine was shared with other work.\n\n" + "\n".join(parts)
    print(page)
    if given.out:
        given.out.write_text(page)


if __name__ == "__main__":
    main()
