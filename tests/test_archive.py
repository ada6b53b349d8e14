"""The archive: what was written comes back; whatever is done to the file, no wrong byte does."""

import base64
import hashlib
import io
import lzma
import struct
import time
import tracemalloc
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diabolo.coding.archive.archive import ArchiveReader, ArchiveWriter, Block
from diabolo.coding.archive.general_coder import DICTIONARY, FILTERS, store, unstore
from diabolo.coding.archive.index import write_tail
from diabolo.coding.archive.items import MAX_ITEMS, Item, pack_items, unpack_items
from diabolo.coding.archive.layout import (
    BLOCK,
    BLOCK_MARK,
    MAGIC,
    Entry,
    Header,
    Method,
    Promise,
    key_of,
    read_entry,
    read_header,
    sealed,
    write_entry,
    write_header,
)
from diabolo.coding.archive.salvage import Salvage
from diabolo.errors import ArgumentError, FileError, FormatError, InputError
from diabolo.files import written_whole

USUAL = Item((8, 8), mode="L")
HEADER = Header(b"m" * 32, Promise.MAX_ERROR, USUAL, "|u1", max_error=2, settings=b'{"a": 1}')
VERSION_1 = (
    "iURCTw0KGgoBAFkAAQECAQIAAAAIAAAAoqjCUU/8HaNtbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbQgAAAAIAAAATHsiYSI6IDF9zKv9"
    "4LzP75VEQk9ibG9jawAAAAADAAAAAAAAAAAAAAAAAAAAAAAAAAUAAAAAAAAAAAAAAAAAAADtCt/le/xzML42JLvb8+dpZmlyc3REQk9ibG9jawEA"
    "AAABAAAAAwAAAAAAAAAbAAAAGQAAAAYAAAAAAAAAAQAAAAAAAAATaTGXhOwGOZfL8+kfIfIHeNpjZmJgYGCG4iB3J4ZE/SS9grx0BgAV1ANMc2Vj"
    "b25kREJPaW5kZXgCAAAAAAAAAAQAAAAAAAAAAAAAAAMAAAAAAAAAAAAAAAAAAAAAAAAABQAAAAAAAAAAAAAAAAAAAO0K3+V7/HMwvjYku9vz52kB"
    "AAAAAQAAAAMAAAAAAAAAGwAAABkAAAAGAAAAAAAAAAEAAAAAAAAAE2kxl4TsBjmXy/PpHyHyB4lEQk8NChoKAQBZAAEBAgECAAAACAAAAKKowlFP"
    "/B2jbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW0IAAAACAAAAEx7ImEiOiAxfcyr/eC8z++V/wAAAAAAAACNyCgbFnNUXURCTy5lbmQK"
)
"""An archive that diabolo 0.1.0 wrote; it must open for ever."""
Content = list[tuple[bytes, list[Item], Method]]


@contextmanager
def memory_below(limit: int) -> Iterator[None]:
    """Fail if Python and NumPy hold more than `limit` bytes at any time within the block."""
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < limit
    finally:
        tracemalloc.stop()


def content(blocks: int = 5, seed: int = 0) -> Content:
    """Return blocks of random payloads; odd ones have named items, even ones the usual item."""
    rng = np.random.default_rng(seed)
    result: Content = []
    for block in range(blocks):
        count = int(rng.integers(1, 6))
        named = [Item((block, place, 3), f"folder/{seed} é {block}-{place}.png", "RGB") for place in range(count)]
        items = named if block % 2 else [USUAL] * count
        result.append((rng.bytes(int(rng.integers(1, 120))), items, Method(block % 2)))
    return result


def archive(blocks: Content, header: Header = HEADER) -> bytes:
    file = io.BytesIO()
    writer = ArchiveWriter(file, header)
    for payload, items, method in blocks:
        writer.add_block(payload, items, method=method)
    writer.finish()
    return file.getvalue()


def written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def as_given(block: Block) -> tuple[bytes, list[Item], Method]:
    return block.payload, list(block.items), block.method


def reference_read(data: bytes) -> Content:
    """Read an undamaged archive as docs/format.md says, with nothing of diabolo but `Item`."""

    def number(place: int, size: int) -> int:
        return int.from_bytes(data[place : place + size], "little")

    def check(*parts: bytes) -> bytes:
        return hashlib.blake2b(b"".join(parts), digest_size=8, key=key).digest()

    length, axes, mode = number(10, 2), data[14], data[15]
    assert data[length - 8 : length] == hashlib.blake2b(data[: length - 8], digest_size=8).digest()
    key = hashlib.blake2b(data[:length], digest_size=32).digest()
    usual = Item(struct.unpack_from(f"<{axes}I", data, 64), mode=data[64 + 4 * axes :][:mode].decode())
    assert data[-8:] == b"DBO.end\n"
    index = number(len(data) - 24, 8)
    assert data[index : index + 8] == b"DBOindex"
    assert data[-16:-8] == check(data[index:-16][:-8], data[-24:-16])
    assert data[-24 - length : -24] == data[:length]
    place, blocks = length, []
    for block in range(number(index + 8, 8)):
        head = data[place : place + 64]
        assert head == b"DBOblock" + data[index + 24 + 56 * block :][:56]
        mark, own, count, _, packed, unpacked, size, method, one, two = struct.unpack("<8sIIQIIQB7x8s8s", head)
        table = data[place + 64 :][:packed]
        payload = data[place + 64 + packed :][:size]
        assert (mark, own, one, two) == (b"DBOblock", block, check(payload), check(head[:56], table))
        items = [usual] * count
        if packed:
            plain = zlib.decompress(table)
            assert len(plain) == unpacked
            sizes = iter(struct.unpack_from(f"<{sum(plain[:count])}I", plain, count))
            *texts, more = plain[count + 4 * sum(plain[:count]) :].split(b"\0", 2 * count)
            texts = [text.decode() for text in texts]
            shapes = [tuple(next(sizes) for _ in range(rank)) for rank in plain[:count]]
            dates = [sum(more[count * k + i] << 8 * k for k in range(8)) if more else 0 for i in range(count)]
            lengths = struct.unpack_from(f"<{count}I", more, 8 * count) if more else [0] * count
            notes = [more[12 * count + sum(lengths[:i]) :][: lengths[i]] for i in range(count)]
            items = [Item(shapes[i], texts[count + i], texts[i], notes[i], dates[i]) for i in range(count)]
        blocks.append((payload, items, Method(method)))
        place += 64 + packed + size
    assert place == index
    return blocks


NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\\/:", exclude_categories=["Cc", "Cs"]), min_size=1)
ITEMS = st.builds(
    Item,
    st.lists(st.integers(0, 99), max_size=4).map(tuple),
    NAMES.filter(lambda name: name not in (".", "..")),
    st.sampled_from(["", "L", "RGB", "I;16"]),
    st.binary(max_size=9),
    st.sampled_from([0, 1, 1_790_000_000]),
)


@given(
    st.lists(
        st.tuples(st.binary(max_size=50), st.lists(ITEMS, min_size=1, max_size=4), st.sampled_from(Method)), max_size=4
    )
)
def test_any_content_comes_back(tmp_path_factory: pytest.TempPathFactory, blocks: Content) -> None:
    path = written(tmp_path_factory.getbasetemp() / "any.dbo", archive(blocks))
    with ArchiveReader(path) as reader:
        assert [as_given(block) for block in reader] == blocks
        assert reader.items == sum(len(items) for _, items, _ in blocks)
    assert reference_read(path.read_bytes()) == blocks
    salvage = Salvage(path)
    assert [as_given(block) for block in salvage] == blocks
    assert salvage.complete
    assert not salvage.damaged


def test_random_access_by_number_and_name(tmp_path: Path) -> None:
    blocks = content()
    path = written(tmp_path / "a.dbo", archive(blocks))
    with ArchiveReader(path) as reader:
        assert (reader.header.model, reader.header.promise, reader.header.max_error) == (
            b"m" * 32,
            Promise.MAX_ERROR,
            2,
        )
        assert (reader.header.usual, reader.header.dtype, reader.header.settings) == (USUAL, "|u1", b'{"a": 1}')
        number = 0
        for place, (_, items, _) in enumerate(blocks):
            for item in items:
                assert reader.block_of(number) == place
                assert not item.name or reader.find(item.name) == number
                number += 1
            assert reader.items_of(place) == tuple(items)
        for call in (lambda: reader.block_of(number), lambda: reader.block_of(-1), lambda: reader.block(5)):
            with pytest.raises(ArgumentError):
                call()
        with pytest.raises(InputError, match="no item named 'x'"):
            reader.find("x")


def test_a_small_archive_takes_less_than_400_bytes_more() -> None:
    assert len(archive([(b"", [USUAL], Method.MODEL)], Header(bytes(32), Promise.LOSSY, USUAL, "|u1"))) < 350


def test_version_1_is_for_ever(tmp_path: Path) -> None:
    with ArchiveReader(written(tmp_path / "a.dbo", base64.b64decode(VERSION_1))) as reader:
        assert reader.header == Header(**{**vars(HEADER), "identity": bytes.fromhex("a2a8c2514ffc1da3")})
        picture = Item((2, 3, 3), "a/b.png", "RGB")
        first, second = reader
        assert as_given(first) == (b"first", [USUAL] * 3, Method.MODEL)
        assert as_given(second) == (b"second", [picture], Method.STORED)


def test_the_same_content_gives_the_same_bytes_and_other_content_another_identity() -> None:
    assert archive(content()) == archive(content())
    assert read_header(archive(content()))[0].identity != read_header(archive(content(seed=1)))[0].identity


def test_it_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "a.dbo"
    with pytest.raises(InputError), written_whole(path) as temporary, temporary.open("wb") as file:
        ArchiveWriter(file, HEADER).add_block(b"", [])
    assert not list(tmp_path.iterdir())


def test_many_blocks_take_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "a.dbo"
    with memory_below(2_000_000), path.open("wb") as file:
        writer = ArchiveWriter(file, HEADER)
        for _ in range(300):
            writer.add_block(bytes(100_000), [USUAL] * 4096)
        writer.finish()
    with memory_below(2_000_000):
        with ArchiveReader(path) as reader:
            assert reader.items == 300 * 4096
            assert sum(len(block.items) for block in reader) == 300 * 4096
        assert sum(len(block.items) for block in Salvage(path)) == 300 * 4096


def refusal(path: Path, data: bytes) -> str:
    with pytest.raises(FormatError) as caught, ArchiveReader(written(path, data)) as reader:
        list(reader)
    return str(caught.value)


def test_a_refusal_says_why(tmp_path: Path) -> None:
    path, good = tmp_path / "a.dbo", archive(content())
    assert "no archive of diabolo" in refusal(path, b"PK" + good[2:])
    assert "no archive of diabolo" in refusal(path, b"")
    assert "format version 3, this diabolo reads 1 and 2" in refusal(path, good[:8] + b"\3" + good[9:])
    assert "cut off" in refusal(path, good[:-1])
    assert "cut off" in refusal(path, good[:20])
    assert "header of the archive is damaged" in refusal(path, good[:40] + b"x" + good[41:])
    place = good.index(BLOCK_MARK, good.index(BLOCK_MARK) + 1) + BLOCK.size
    assert "block 1 is damaged" in refusal(path, good[: place - 30] + b"x" + good[place - 29 :])
    with pytest.raises(FileError, match="No such file"):
        ArchiveReader(tmp_path / "none.dbo")
    for reader in (ArchiveReader, Salvage):
        with pytest.raises(FileError, match="no file"):
            reader(tmp_path)


def mutations(rng: np.random.Generator, good: bytes, other: bytes) -> bytes:
    """Return `good` after one accident: bits flipped, cut, a part lost, doubled, zeroed, or another's."""
    data = bytearray(good)
    start, end = sorted(rng.integers(0, len(good) + 1, 2).tolist())
    match int(rng.integers(9)):
        case 0:
            for place in rng.integers(0, len(good), int(rng.integers(1, 9))):
                data[place] ^= 1 << int(rng.integers(8))
        case 1:
            del data[end:]
        case 2:
            del data[start:end]
        case 3:
            data[end:end] = data[start:end]
        case 4:
            data[start:end] = bytes(end - start)
        case 5:
            data[start:end] = rng.bytes(end - start)
        case 6:
            data = data[:start] + bytearray(other[min(start, len(other)) :])
        case 7:
            data[:start] = b""
        case _:
            data = bytearray((good[:12] if rng.integers(2) else b"") + rng.bytes(int(rng.integers(0, 900))))
    return bytes(data)


def check_salvage(path: Path, good: bytes, blocks: Content) -> int:
    """Return how many blocks of `blocks` were saved, after a look at each; 0 if it is another archive's file now."""
    salvage = Salvage(path)
    if salvage.header.identity != read_header(good)[0].identity:
        return 0
    found = list(salvage)
    assert all(as_given(block) == blocks[block.number] for block in found)
    kept = {block.first + place for block in found for place in range(len(block.items))}
    lost = {damage.first + place for damage in salvage.damaged for place in range(damage.count)}
    assert not kept & lost
    assert not salvage.complete or kept | lost == set(range(sum(len(items) for _, items, _ in blocks)))
    return len(found)


def check_reading(path: Path, blocks: Content) -> int:
    """Return how many blocks were read, after a look at each, before the damage was found."""
    read = 0
    with suppress(FormatError), ArchiveReader(path) as reader:
        for block in reader:
            assert as_given(block) == blocks[block.number]
            read += 1
        pytest.fail("a damaged archive was read to its end")
    return read


def test_3000_damaged_archives_give_no_wrong_byte(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    path = tmp_path / "a.dbo"
    cases = [content(1 + trial % 5, seed=trial) for trial in range(35)]
    archives = [archive(blocks) for blocks in cases]
    read = saved = 0
    for trial in range(3000):
        blocks, good = cases[trial % 35], archives[trial % 35]
        data = mutations(rng, good, archives[(trial + 5) % 35])
        if data not in archives:
            path.write_bytes(data)
            with memory_below(3_000_000) if trial < 500 else nullcontext():
                read += check_reading(path, blocks)
                with suppress(FormatError):
                    saved += check_salvage(path, good, blocks)
    assert read > 100
    assert saved > 1500


def test_salvage_names_what_is_lost(tmp_path: Path) -> None:
    blocks = content(4)
    good = archive(blocks)
    firsts = np.cumsum([0] + [len(items) for _, items, _ in blocks]).tolist()
    places = [place for place in range(len(good)) if good.startswith(BLOCK_MARK, place)][:4]
    hurt = bytearray(good)
    hurt[places[2] - 1] ^= 1  # the last byte of the payload of block 1
    hurt[places[2] + 9] ^= 1  # the header of block 2
    hurt[3] ^= 1  # and the archive's own
    salvage = Salvage(written(tmp_path / "a.dbo", bytes(hurt)))
    assert [block.number for block in salvage] == [0, 3]
    assert salvage.header.model == HEADER.model
    assert [damage.first for damage in salvage.damaged] == firsts[1:3]
    assert [damage.items for damage in salvage.damaged] == [tuple(blocks[1][1]), ()]


def test_salvage_finds_the_blocks_of_a_file_that_was_cut_off(tmp_path: Path) -> None:
    blocks = content(6)
    good = archive(blocks)
    places = [place for place in range(len(good)) if good.startswith(BLOCK_MARK, place)][:6]
    salvage = Salvage(written(tmp_path / "a.dbo", good[: places[1]] + b"junk" + good[places[2] : places[4] + 10]))
    assert [block.number for block in salvage] == [0, 2, 3]
    assert not salvage.complete
    assert [(damage.first, damage.count) for damage in salvage.damaged] == [(len(blocks[0][1]), len(blocks[1][1]))]
    with pytest.raises(FormatError, match="no archive"):
        Salvage(written(tmp_path / "b.dbo", good[1 : places[4]]))


def test_a_block_of_another_archive_of_the_same_model_is_not_taken(tmp_path: Path) -> None:
    first, second = archive([(b"first!", [USUAL], Method.MODEL)]), archive([(b"second", [USUAL], Method.MODEL)])
    start = first.index(BLOCK_MARK)
    mixed = first[:start] + second[start : start + BLOCK.size + 6]  # and cut off, so that no index tells
    assert not list(Salvage(written(tmp_path / "a.dbo", mixed)))


def test_a_file_made_to_waste_time_does_not(tmp_path: Path) -> None:
    raw = write_header(HEADER)
    wide = sealed(Entry(7, 1, 0, 0, 0, 1 << 20, 0), b"", b"", key_of(raw))
    start = time.process_time()
    many = sealed(Entry(7, MAX_ITEMS, 0, 0, 0, 1, 0), b"", b"", key_of(raw))
    tables = Entry(7, 1, 0, 1 << 20, 1 << 20, 0, 0)
    heads = [write_entry(entry) * (1 << 15) for entry in (wide, many, tables)]
    for filler in (BLOCK_MARK * (1 << 18), *(head + bytes(1 << 20) for head in heads)):
        assert not list(Salvage(written(tmp_path / "a.dbo", raw + filler)))
    assert time.process_time() - start < 10


@pytest.mark.parametrize("offset", [0, 1, 1 << 20, (1 << 63) - 1, (1 << 64) - 1])
@pytest.mark.parametrize("count", [0, 1, 1 << 20, (1 << 64) - 1])
def test_an_index_with_true_checksums_and_false_numbers_is_refused(tmp_path: Path, offset: int, count: int) -> None:
    raw = write_header(HEADER)
    entry = Entry(0, MAX_ITEMS, 0, 1 << 20, 1 << 20, (1 << 64) - 1, 0)
    tail = write_tail(write_entry(sealed(entry, b"", b"", key_of(raw)))[8:], MAX_ITEMS, raw, len(raw))
    place = len(tail) - 24
    for lie in (
        tail[:8] + struct.pack("<Q", count) + tail[16:],
        tail[:place] + struct.pack("<Q", offset) + tail[place + 8 :],
        tail,
    ):
        refusal(tmp_path / "a.dbo", raw + lie)


def test_a_table_with_true_checksums_that_claims_too_much_is_refused(tmp_path: Path) -> None:
    raw = write_header(HEADER)
    bomb, size = pack_items([Item((1,), "n" * 4096)] * 1000, USUAL)
    for unpacked, items in ((size - 1, 1000), (size, 999), (size, 1001), (1 << 24, 1000), (1040 * len(bomb), 1000)):
        entry = sealed(Entry(0, items, 0, len(bomb), unpacked, 0, 0), bomb, b"", key_of(raw))
        data = raw + write_entry(entry) + bomb
        refusal(tmp_path / "a.dbo", data + write_tail(write_entry(entry)[8:], items, raw, len(data)))


@pytest.mark.parametrize(
    "name", ["../a", "/a", "a/../b", "a//b", "a/", ".", "c:/a", "c:a", "a\\b", "a\0b", "a\nb", "\ud800", "x" * 4097]
)
def test_a_name_that_leaves_its_folder_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="relative path"):
        Item((1,), name)
    good = b"\1" + struct.pack("<I", 1) + b"L\0" + name.encode(errors="surrogatepass") + b"\0"
    with pytest.raises(FormatError):
        unpack_items(zlib.compress(good), len(good), 1, USUAL)


@pytest.mark.parametrize(
    "wrong",
    [{"model": b"short"}, {"dtype": "O"}, {"max_error": 0}, {"settings": bytes(5000)}, {"usual": Item((1,), "name")}],
)
def test_an_impossible_header_is_refused(wrong: dict[str, object]) -> None:
    given = {"model": bytes(32), "promise": Promise.MAX_ERROR, "usual": USUAL, "dtype": "|u1", "max_error": 1}
    with pytest.raises(InputError):
        Header(**{**given, **wrong})  # type: ignore[arg-type]


@pytest.mark.parametrize("data", [b"", bytes(1000), b"abc" * 1000, np.random.default_rng(0).bytes(500)])
def test_stored_data_come_back_and_nothing_else_does(data: bytes) -> None:
    payload = store(data)
    assert len(payload) <= len(data) + 1
    assert unstore(payload, len(data)) == data
    wrong = [payload[:-1], payload + b"x", b"\3" + payload[1:], b"\1" + data, b"\2" + data, b""]
    for bad, size in [*((bad, len(data)) for bad in wrong), (payload, len(data) + 1), (payload, max(len(data) - 1, 0))]:
        if (bad, size) != (payload, len(data)):
            with pytest.raises(FormatError):
                unstore(bad, size)


@pytest.mark.parametrize("way", [1, 2])
def test_a_bomb_unpacks_to_no_more_than_was_asked_for(way: int) -> None:
    zeros = bytes(1 << 25)
    packed = zlib.compress(zeros) if way == 1 else lzma.compress(zeros, format=lzma.FORMAT_RAW, filters=FILTERS)
    del zeros
    with memory_below((1 << 20) + DICTIONARY), pytest.raises(FormatError):
        unstore(bytes([way]) + packed, 1000)


@given(st.binary(max_size=300))
def test_any_bytes_are_a_header_or_refused(data: bytes) -> None:
    for read in (read_header, read_entry):
        for attempt in (data, MAGIC + data, BLOCK_MARK + data[:56].ljust(56, b"\0")):
            with suppress(FormatError):
                read(attempt)
