"""What a run was given is stored: all its samples by their fingerprint, and the rows that it held out."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from diabolo.data.images.patches import Patches
from diabolo.data.source import ArraySource
from diabolo.data.tables.windows import Windows
from diabolo.errors import InputError
from diabolo.estimator import Autoencoder
from diabolo.training import split as module
from diabolo.training.split import draw_split, fingerprint, is_given, split_of

X = np.random.default_rng(0).normal(size=(5000, 3))
OLD = {"recipe": {"validation": 0.1}, "seed": 3}


@example(3, 0.9, 0)
@given(st.integers(2, 400), st.floats(0, 0.9), st.integers(0, 5))
def test_the_held_out_samples_are_not_trained_on(count: int, share: float, seed: int) -> None:
    found = draw_split(count, share, seed)
    assert len(found.rows) > 0
    assert sorted([*found.rows, *found.held_out]) == list(range(count))
    assert np.array_equal(found.rows, np.sort(found.rows))
    assert share > 0 or not len(found.held_out)
    assert np.array_equal(draw_split(count, share, seed).held_out, found.held_out)


def test_a_split_is_found_again_by_what_is_stored() -> None:
    drawn = draw_split(400, 0.1, 3)
    about = {"held_out": drawn.to_json()}
    assert np.array_equal(split_of(about, 400).held_out, drawn.held_out)
    assert np.array_equal(split_of(OLD, 400).held_out, drawn.held_out)  # of a file without it
    with pytest.raises(InputError, match="trained on 400 samples, got 399; give those samples"):
        split_of(about, 399)


def test_other_draws_than_those_of_the_training_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    about = {"held_out": draw_split(400, 0.1, 3).to_json()}
    monkeypatch.setattr(module, "draw_split", lambda count, share, seed: draw_split(count, share, seed + 1))
    with pytest.raises(InputError, match=f"NumPy {np.__version__} draws other held-out samples"):
        split_of(about, 400)


def test_the_fingerprint_tells_data_apart() -> None:
    x = X[:300]
    prints = {fingerprint(ArraySource(x)) for x in (x, x[:-1], x + 1e-9, x.astype("f4"), x.reshape(300, 3, 1))}
    assert len(prints) == 5
    assert fingerprint(ArraySource(x.copy())) in prints


@given(st.integers(0, 4999), st.integers(0, 2))
def test_a_single_number_changes_the_fingerprint(row: int, column: int) -> None:
    changed = X.copy()
    changed[row, column] = np.nextafter(changed[row, column], np.inf)
    assert fingerprint(ArraySource(changed)) != fingerprint(ArraySource(X))


def test_pieces_are_known_by_what_they_are_cut_from() -> None:
    images = np.random.default_rng(1).integers(0, 255, (4, 32, 32), np.uint8)
    others = images.copy()
    others[3, 31, 31] ^= 1
    patches = Patches((ArraySource(images),), 16, 100)
    for other in (replace(patches, sources=(ArraySource(others),)), replace(patches, seed=1), replace(patches, size=8)):
        assert fingerprint(other) != fingerprint(patches)
    assert fingerprint(replace(patches)) == fingerprint(patches)
    windows = Windows(ArraySource(X), 10)
    assert fingerprint(windows) != fingerprint(Windows(ArraySource(X[::-1]), 10))
    assert len({fingerprint(Windows(ArraySource(X), length)) for length in (10, 11)}) == 2


def test_a_model_knows_its_samples_and_its_labels(tmp_path: Path) -> None:
    x, y = X[:200], np.arange(200) % 2
    model = Autoencoder("vae", conditional=True, epochs=1, latent=2).fit(x, y)
    about = model.trained_.about
    assert is_given(about, ArraySource(x))
    assert not is_given(about, ArraySource(x + 1e-12))
    other = Autoencoder("vae", conditional=True, epochs=1, latent=2)
    assert other.fit(x, 1 - y).trained_.about["labels_sha256"] != about["labels_sha256"]
    checkpoint = tmp_path / "run.safetensors"
    other.fit(x, y, checkpoint=checkpoint)
    with pytest.raises(InputError, match="belongs to a run with other data"):
        other.fit(x, np.r_[y[:-1], 1 - y[-1]], checkpoint=checkpoint, resume=True)


def test_the_fingerprint_of_an_earlier_version_is_known() -> None:
    import hashlib

    source = ArraySource(X)
    old = hashlib.sha256(f"{len(source)} {source.shape} {source.dtype.str}".encode())
    old.update(X[np.linspace(0, 4999, 1000).astype(int)].tobytes())
    assert is_given({"fingerprint": old.hexdigest()}, source)
    assert not is_given({"fingerprint": old.hexdigest()}, ArraySource(X + 1))
