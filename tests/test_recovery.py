"""Small damage stays small: one place is repaired, several cost their blocks, a cut costs what lies behind it."""

import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from diabolo.app.cli import app
from diabolo.coding.archive.archive import ArchiveReader
from diabolo.coding.archive.layout import digest, short_digest
from diabolo.coding.archive.recovery import HEAD, _plan, add_recovery, repaired
from diabolo.data.source import ArraySource
from diabolo.errors import ArgumentError, FormatError, MissingExtraError
from diabolo.jobs.compress import coders
from diabolo.jobs.compress.archives.repairing import repaired_copy
from diabolo.jobs.compress.compress import Promise, compress
from diabolo.jobs.compress.decompress import salvaged, unpacked
from diabolo.training.files.model_file import save_model
from test_compress import X, trained


def run(*words: object) -> tuple[int, str]:
    found = CliRunner().invoke(app, [str(word) for word in words])
    return found.exit_code, found.output + str(found.exception or "")


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, np.ndarray]:
    """An exact archive of 1,200 samples in blocks of a hundredth."""
    folder = tmp_path_factory.mktemp("many")
    samples = X[:1200]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(coders.Exact, "least", 64)
        compress(trained(), ArraySource(samples), folder / "a.dbo", promise=Promise.LOSSLESS)
    save_model(folder / "m.safetensors", trained())
    return folder / "a.dbo", samples


def test_blocks_are_a_hundredth_and_decode_together(many: tuple[Path, np.ndarray]) -> None:
    path, samples = many
    with ArchiveReader(path) as reader:
        assert reader.blocks >= 100
        assert max(len(reader.items_of(block)) for block in range(reader.blocks)) <= 12
    assert np.array_equal(np.concatenate([piece.array for piece in unpacked(trained(), path)]), samples)


def test_blocks_coded_side_by_side_are_those_coded_alone() -> None:
    coder = coders.exact(trained(), _header())
    parts = coder.encode_parts(X[:30], [7, 1, 22])
    assert parts == [coder.encode(X[:7]), coder.encode(X[7:8]), coder.encode(X[8:30])]
    assert np.array_equal(coder.decode_parts([part or b"" for part in parts], [7, 1, 22], X.shape[1:]), X[:30])


def _header() -> object:
    from diabolo.jobs.compress.compress import header_for, identity

    return header_for(identity(trained()), ArraySource(X), Promise.LOSSLESS, 0)


def test_a_flipped_bit_anywhere_loses_nothing(many: tuple[Path, np.ndarray], tmp_path: Path) -> None:
    path, samples = many
    good = path.read_bytes()
    random = np.random.default_rng(0)
    for place in [*random.integers(0, len(good), 6).tolist(), len(good) - 1, len(good) - 30]:
        hurt = bytearray(good)
        hurt[place] ^= 1 << int(random.integers(8))
        (tmp_path / "a.dbo").write_bytes(hurt)
        ask = ["decompress", tmp_path / "a.dbo", "-m", path.parent / "m.safetensors", "--out", tmp_path / "b.npy"]
        status, told = run(*ask, "--quiet", "--force")
        assert status == 0, told
        assert np.array_equal(np.load(tmp_path / "b.npy"), samples)


def test_two_places_lose_two_blocks_and_a_cut_what_lies_behind(many: tuple[Path, np.ndarray], tmp_path: Path) -> None:
    path, samples = many
    good = path.read_bytes()
    hurt = bytearray(good)
    for share in (0.3, 0.5):
        hurt[int(share * len(hurt))] ^= 1
    (tmp_path / "a.dbo").write_bytes(hurt)
    pieces, lost = salvaged(trained(), tmp_path / "a.dbo")
    kept = sum(len(piece.items) for piece in pieces)
    assert kept + sum(damage.count for damage in lost) == len(samples)
    assert sum(damage.count for damage in lost) <= 2 * len(samples) // 100
    (tmp_path / "a.dbo").write_bytes(good[: len(good) // 2])
    pieces, lost = salvaged(trained(), tmp_path / "a.dbo")
    back = np.concatenate([piece.array for piece in pieces])
    assert np.array_equal(back, samples[: len(back)])
    assert len(back) >= 0.45 * len(samples) * len(good) / (len(good) + 1)


def test_recovery_of_5_percent_repairs_bursts_and_many_places(tmp_path: Path) -> None:
    pytest.importorskip("raptorq")
    random = np.random.default_rng(0)
    data = random.bytes(40_000)
    (tmp_path / "a").write_bytes(data)
    add_recovery(tmp_path / "a", 0.05)
    whole = (tmp_path / "a").read_bytes()
    assert len(whole) < 1.16 * len(data)
    for start, size in ((0, 1500), (20_000, 1500), (len(whole) - 1500, 1500)):
        hurt = bytearray(whole)
        hurt[start : start + size] = random.bytes(size)
        found = repaired(bytes(hurt))
        assert found is not None, start
        assert found.data == data
    for end in (len(whole) - 20, len(whole) - 100):  # the record's own end is gone
        cut = repaired(whole[:end])
        assert cut is not None
        assert cut.data == data
    hurt = bytearray(whole)
    hurt[5000:20_000] = bytes(15_000)
    assert repaired(bytes(hurt)) is None


@settings(max_examples=60)
@given(st.binary(min_size=1, max_size=600), st.data())
def test_any_file_is_repaired_or_not_but_never_wrongly(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, drawn: st.DataObject
) -> None:
    path = tmp_path_factory.getbasetemp() / "any"
    path.write_bytes(data)
    add_recovery(path)
    hurt = bytearray(path.read_bytes())
    places = drawn.draw(st.lists(st.integers(0, len(hurt) - 1), max_size=4))
    for place in places:
        hurt[place] ^= drawn.draw(st.integers(1, 255))
    found = repaired(bytes(hurt))
    assert found is None or found.data == data
    assert found is not None or places


def test_repair_and_verify_by_the_command_line(many: tuple[Path, np.ndarray], tmp_path: Path) -> None:
    path, _ = many
    hurt = bytearray(path.read_bytes())
    hurt[1000] ^= 1
    (tmp_path / "a.dbo").write_bytes(hurt)
    status, told = run("verify", tmp_path / "a.dbo", "--quiet")
    assert status == 1
    assert "diabolo repair" in told
    assert run("repair", tmp_path / "a.dbo", "--out", tmp_path / "b.dbo")[0] == 0
    assert (tmp_path / "b.dbo").read_bytes() == path.read_bytes()
    hurt[20_000] ^= 1
    (tmp_path / "a.dbo").write_bytes(hurt)
    status, told = run("repair", tmp_path / "a.dbo", "--out", tmp_path / "c.dbo")
    assert status == 1
    assert "--salvage" in told
    assert not (tmp_path / "c.dbo").exists()


def test_a_share_that_cannot_be_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"data")
    with pytest.raises(ArgumentError):
        add_recovery(tmp_path / "a", 2.0)
    for wrong in ("0", "many", "200%"):
        assert run("compress", tmp_path, "--lossless", "--recovery", wrong, "--out", tmp_path / "x.dbo")[0] != 0
    with pytest.raises(FormatError), ArchiveReader(tmp_path / "a"):
        pass


def test_a_repaired_archive_is_the_one_that_was_written(tmp_path: Path) -> None:
    pytest.importorskip("raptorq")
    random = np.random.default_rng(0)
    for size, share in ((100, 0.01), (700, 0.05), (40_000, 0.3), (40_000, 1.0)):
        data, path = random.bytes(size), tmp_path / f"{size}-{share}"
        path.write_bytes(data)
        add_recovery(path, share)
        whole = path.read_bytes()
        assert repaired_copy(path, tmp_path / "again") == 0
        assert (tmp_path / "again").read_bytes() == whole


def test_records_made_to_do_harm_are_passed_over(tmp_path: Path) -> None:
    pytest.importorskip("raptorq")
    path, data = tmp_path / "a", bytes(5000)
    path.write_bytes(data)
    add_recovery(path, 0.5)
    found = path.read_bytes()
    head = found.index(b"DBO.fec\n")
    hurt, plan = bytearray(found), HEAD.unpack(found[head : head + HEAD.size])
    hurt[100] ^= 1
    place = head + HEAD.size + 4 * -(-len(data) // plan[2])
    for start in range(place, place + plan[4] * (4 + plan[5]), 4 + plan[5]):
        hurt[start + 4] = 9  # a part of the file that is not there, with a right checksum
        hurt[start : start + 4] = short_digest(bytes(hurt[start + 4 : start + 4 + plan[5]]))
    assert repaired(bytes(hurt)) is None
    for shard in (3, 1 << 20):
        fields = (*plan[:2], shard, *plan[3:5], shard + 4, plan[6])
        made = HEAD.pack(*fields, bytes(8))[:40]
        assert repaired(data + made + digest(made) + bytes(4 * 5000)) is None


def test_without_raptorq_damage_is_told_and_salvaged(
    many: tuple[Path, np.ndarray], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("raptorq")
    path, samples = many
    end = path.read_bytes().index(b"DBO.fec\n")
    (tmp_path / "a.dbo").write_bytes(path.read_bytes()[:end])
    add_recovery(tmp_path / "a.dbo", 0.1)
    hurt = bytearray((tmp_path / "a.dbo").read_bytes())
    hurt[1000] ^= 1
    (tmp_path / "a.dbo").write_bytes(hurt)
    save_model(tmp_path / "m.safetensors", trained())
    monkeypatch.setitem(sys.modules, "raptorq", None)
    status, told = run("verify", tmp_path / "a.dbo", "--quiet")
    assert status == 1
    assert "Lost: items" in told
    assert "diabolo[recovery]" in told
    out = ("--out", tmp_path / "out.npy", "-m", tmp_path / "m.safetensors", "--quiet")
    status, told = run("decompress", tmp_path / "a.dbo", *out)
    assert status == 1
    assert "is damaged" in told
    assert "diabolo[recovery]" in told
    assert run("decompress", tmp_path / "a.dbo", *out, "--salvage")[0] == 1
    assert 0.9 * len(samples) < len(np.load(tmp_path / "out.npy")) < len(samples)


def test_what_recovery_needs_is_asked_for_before_the_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "raptorq", None)
    with pytest.raises(MissingExtraError):
        compress(trained(), ArraySource(X), tmp_path / "a.dbo", recovery=0.05, watch=lambda _: pytest.fail("begun"))


def test_shards_stay_within_what_raptorq_counts() -> None:
    for size in (1 << 10, 1 << 29, 1 << 30):
        plan = _plan(size, 0.05)
        assert plan.shard < 1 << 16
        assert plan.shard % 8 == 0
    with pytest.raises(ArgumentError, match="1 GiB"):
        _plan((1 << 30) + 1, 0.05)
