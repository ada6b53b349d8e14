"""Recovery: parity behind an archive that repairs damage: one shard by exclusive or, or more by RaptorQ (RFC 6330).

The file before it is cut into shards of equal size; a checksum of each tells which of them are damaged.
"""

import math
import struct
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from diabolo.coding.archive.layout import digest, short_digest
from diabolo.coding.archive.sections import Kind, add_section
from diabolo.errors import ArgumentError, FormatError, MissingExtraError

HEAD = struct.Struct("<8sIIQII8s8s")
"""Mark, code, bytes of a shard, bytes covered, packets, bytes of a packet, digests of the table and of the head."""
MARK = b"DBO.fec\n"
CHECK, SEARCHED = 4, 64
MOST_SHARDS, MOST_READ, ALIGNED = 20_000, 1 << 16, 8
LEAST_SHARD, LARGEST_SHARD, LARGEST = 64, (1 << 16) - ALIGNED, 1 << 30
"""Bytes of a shard (RaptorQ counts them in 16 bits), and of a file that RaptorQ covers."""
SPARE = 2
"""Packets more than damaged shards from which RaptorQ fails once in a million times."""
MOST_SHARE = 1.0


class Code(IntEnum):
    """How packets are made of shards."""

    XOR = 1
    RAPTORQ = 2


@dataclass(frozen=True)
class Plan:
    """How a file is covered."""

    code: Code
    shard: int
    covered: int
    packets: int
    packet: int

    @property
    def shards(self) -> int:
        return -(-self.covered // self.shard)


def check_share(share: float) -> None:
    """Raise ArgumentError for a share that cannot be, MissingExtraError if it needs raptorq, which is not installed."""
    if share and not 0 < share <= MOST_SHARE:
        raise ArgumentError(f"recovery is a share above 0 and up to 100 %, got {100 * share:g} %.")
    if share:
        _raptorq()


def add_recovery(path: Path, share: float = 0.0) -> None:
    """Append parity to a file: a single shard of about 2 sqrt(size) bytes, or `share` of its bytes, 0.05 for 5 %.

    Raises ArgumentError for a share that cannot be, MissingExtraError if raptorq is not installed.
    """
    check_share(share)
    size = path.stat().st_size
    plan = _plan(size, share)
    with path.open("rb") as file:
        if plan.code == Code.XOR:
            checks, packets = _xor_of(file, plan)
        else:
            checks, packets = _raptorq_of(file, plan)
    table = b"".join(checks)
    head = HEAD.pack(MARK, plan.code, plan.shard, plan.covered, plan.packets, plan.packet, digest(table), bytes(8))
    head = head[:40] + digest(head[:40])
    parts = [head, table, *(short_digest(packet) + packet for packet in packets)]
    if plan.code != Code.XOR:
        parts += [table, head]  # a burst may hit the first ones
    add_section(path, Kind.RECOVERY, b"".join(parts))


@dataclass(frozen=True)
class Repaired:
    """The bytes as they were; how many shards were damaged, and the share of parity behind them (0: one shard's)."""

    data: bytes
    damaged: int
    share: float


def repaired(data: bytes) -> Repaired | None:
    """Return the file that the recovery record in `data` covers, or None if too much is damaged.

    data: all bytes of a damaged file, in which nothing was inserted or lost before the record.
    """
    for place in _marks(data):
        plan = _read_plan(data, place)
        if plan is None or plan.covered > len(data):
            continue
        for table, where in _tables(data, place, plan):
            found = _repaired(data, plan, table, where)
            if found is not None:
                return Repaired(*found, _share_of(plan))
    return None


def _plan(size: int, share: float) -> Plan:
    if not share:
        shard = max(LEAST_SHARD, math.isqrt(4 * size))
        return Plan(Code.XOR, shard, size, 1, shard)
    if size > LARGEST:
        raise ArgumentError(f"recovery covers archives up to {LARGEST >> 30} GiB; leave it out, or write several.")
    shard = max(LEAST_SHARD, math.isqrt(4 * size), -(-size // MOST_SHARDS))
    shard = min(-(-shard // ALIGNED) * ALIGNED, LARGEST_SHARD)
    packets = math.ceil(share * size / (shard + 2 * CHECK)) + SPARE
    return Plan(Code.RAPTORQ, shard, size, packets, shard + CHECK)


def _share_of(plan: Plan) -> float:
    """Return a share from which `_plan` makes as many packets again; 0 for a single shard of parity."""
    if plan.code == Code.XOR:
        return 0.0
    wanted = max(plan.packets - SPARE, 1) - 0.5  # in the middle, for `_plan` rounds up
    return min(wanted * (plan.packet + CHECK) / plan.covered, MOST_SHARE)


def _xor_of(file: BinaryIO, plan: Plan) -> tuple[list[bytes], list[bytes]]:
    total = np.zeros(plan.shard, np.uint8)
    checks = []
    while part := file.read(plan.shard):
        checks.append(short_digest(part))
        total[: len(part)] ^= np.frombuffer(part, np.uint8)
    return checks, [total.tobytes()]


def _raptorq_of(file: BinaryIO, plan: Plan) -> tuple[list[bytes], list[bytes]]:
    data = file.read()
    packets = _raptorq().Encoder.with_defaults(data, plan.shard).get_encoded_packets(plan.packets)
    if len(packets) != plan.shards + plan.packets:
        raise FormatError("raptorq cut the archive in another way than expected; leave --recovery out.")
    return [short_digest(part) for part in _cut(data, plan)], list(packets[plan.shards :])


def _cut(data: bytes, plan: Plan) -> list[bytes]:
    return [data[start : min(start + plan.shard, plan.covered)] for start in range(0, plan.covered, plan.shard)]


def _marks(data: bytes) -> list[int]:
    """Return where recovery records may begin or end, the last first."""
    places: list[int] = []
    place = len(data)
    while len(places) < SEARCHED and (place := data.rfind(MARK, 0, place)) >= 0:
        places.append(place)
    return places


def _read_plan(data: bytes, place: int) -> Plan | None:
    head = data[place : place + HEAD.size]
    if len(head) < HEAD.size or digest(head[:40]) != head[40:]:
        return None
    _, code, shard, covered, packets, packet, _, _ = HEAD.unpack(head)
    if code not in tuple(Code) or not (1 <= shard <= LARGEST and covered and packets <= MOST_SHARDS * 2):
        return None
    if packet != shard + CHECK * (code == Code.RAPTORQ) or -(-covered // shard) > MOST_READ:
        return None
    if code == Code.RAPTORQ and (shard % ALIGNED or shard > LARGEST_SHARD):
        return None
    return Plan(Code(code), shard, covered, packets, packet)


def _tables(data: bytes, place: int, plan: Plan) -> list[tuple[bytes, int]]:
    """Return the undamaged tables of checksums beside a head, each with the place of the packets."""
    expected = data[place + 32 : place + 40]
    size, packets = CHECK * plan.shards, plan.packets * (CHECK + plan.packet)
    candidates = [(place + HEAD.size, place + HEAD.size + size)]
    if plan.code != Code.XOR:
        first = place + HEAD.size + size + packets  # from the head in front
        candidates += [(first, place + HEAD.size + size), (place - size, place - size - packets)]
        candidates += [(place - size - packets - size, place - size - packets)]
    found = []
    for start, where in candidates:
        table = data[start : start + size] if start >= 0 else b""
        if where >= 0 and len(table) == size and digest(table) == expected:
            found.append((table, where))
    return found


def _repaired(data: bytes, plan: Plan, checks: bytes, where: int) -> tuple[bytes, int] | None:
    """Return the covered bytes, with the packets from `where` on, or None if they are too few."""
    shards = _cut(data, plan)
    right = [short_digest(part) == checks[CHECK * k : CHECK * k + CHECK] for k, part in enumerate(shards)]
    wrong = right.count(False)
    if not wrong:
        return data[: plan.covered], 0
    packets = []
    for start in range(where, where + plan.packets * (CHECK + plan.packet), CHECK + plan.packet):
        packet = data[start + CHECK : start + CHECK + plan.packet]
        right_one = len(packet) == plan.packet and short_digest(packet) == data[start : start + CHECK]
        if right_one and not (plan.code == Code.RAPTORQ and packet[0]):  # raptorq aborts at parts that are not there
            packets.append(packet)
    rebuild = _by_xor if plan.code == Code.XOR else _by_raptorq
    return None if len(packets) < wrong else rebuild(shards, right, packets, plan, checks)


def _by_xor(
    shards: list[bytes], right: list[bool], packets: list[bytes], plan: Plan, checks: bytes
) -> tuple[bytes, int] | None:
    if right.count(False) != 1:
        return None
    total: NDArray[np.uint8] = np.frombuffer(packets[0], np.uint8).copy()
    for good, part in zip(right, shards, strict=True):
        if good:
            total[: len(part)] ^= np.frombuffer(part, np.uint8)
    hurt = right.index(False)
    part = total.tobytes()[: len(shards[hurt])]
    if short_digest(part) != checks[CHECK * hurt : CHECK * hurt + CHECK]:
        return None
    return b"".join([*shards[:hurt], part, *shards[hurt + 1 :]])[: plan.covered], 1


def _by_raptorq(
    shards: list[bytes], right: list[bool], packets: list[bytes], plan: Plan, checks: bytes
) -> tuple[bytes, int] | None:
    decoder = _raptorq().Decoder.with_defaults(plan.covered, plan.shard)
    known = [
        number.to_bytes(CHECK, "big") + part.ljust(plan.shard, b"\0")
        for number, (good, part) in enumerate(zip(right, shards, strict=True))
        if good
    ]
    for packet in (*known, *packets):
        found = decoder.decode(packet)
        if found is not None:
            whole = bytes(found)
            parts = _cut(whole, plan)
            if b"".join(map(short_digest, parts)) == checks:
                return whole, right.count(False)
            return None
    return None


def _raptorq() -> Any:
    try:
        import raptorq
    except ImportError as error:
        raise MissingExtraError("--recovery needs raptorq; install it with pip install 'diabolo[recovery]'.") from error
    return raptorq
