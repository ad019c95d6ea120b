# SPDX-License-Identifier: MIT
"""The replies of the responder and of the in-band kernel: equal but for the differences listed here, each of
which is described, under the same name, in doc/echo-differences.md."""

import collections
import dataclasses
import pathlib
import re
import struct

from .frames import DF, HEADERS, MF, VID, address, checksum

DOC = pathlib.Path(__file__).resolve().parents[3] / "doc" / "echo-differences.md"
OFFSET_MASK = 0x1fff
MTU = 1500
ICMP, TCP = 1, 6
ECHO_REPLY, TIMESTAMP_REPLY = 0, 14
ERRORS = (3, 4, 5, 11, 12)  # ICMP types
RECORD = struct.Struct("=IIHH")


@dataclasses.dataclass(frozen=True)
class Reply:
    """A packet that came back."""
    tag: int | None
    eth_dst: bytes
    eth_src: bytes
    tos: int
    ident: int
    frag: int
    ttl: int
    proto: int
    src: bytes
    dst: bytes
    options: bytes
    payload: bytes

    @property
    def icmp_type(self):
        return self.payload[0] if self.proto == ICMP and self.payload and not self.frag & OFFSET_MASK else None


def parse(data, tag):
    """A reply from its MAC addresses on. Its lengths and checksums have to be right, its padding zero."""
    assert data[12:14] == b"\x08\x00" and data[14] >> 4 == 4, data.hex()
    packet = data[14:]
    hlen, total = packet[0] % 16 * 4, packet[2] << 8 | packet[3]
    assert 20 <= hlen <= total <= len(packet), f"lengths: {data.hex()}"
    assert not any(packet[total:]), f"padding is not zero: {data.hex()}"
    assert checksum(packet[:hlen]) == 0, f"IP checksum: {data.hex()}"
    tos, ident, frag, ttl, proto = struct.unpack_from("!xBxxHHBB", packet)
    payload = packet[hlen:total]
    if proto == ICMP and not frag & (MF | OFFSET_MASK):
        # Of zeros only the checksum is told by a rule.
        assert checksum(payload) == 0 or not any(payload), f"ICMP checksum: {data.hex()}"
    return Reply(tag, data[:6], data[6:12], tos, ident, frag, ttl, proto, packet[12:16], packet[16:20],
                 packet[20:hlen], payload)


def read(data, count, tagged=True):
    """What replay.c wrote: for each frame its replies. Without tags they are given the one of the port."""
    replies = [[] for _ in range(count)]
    at = 0
    while at < len(data):
        frame, length, has_tag, tci = RECORD.unpack_from(data, at)
        at += RECORD.size
        reply = parse(data[at:at + length], (tci if has_tag else None) if tagged else VID)
        at += length
        assert frame < count, f"a reply after the last sentinel: {reply}"
        replies[frame].append(reply)
    return replies


@dataclasses.dataclass(frozen=True)
class Request:
    """The frame that a rule looks at."""
    frame: object
    who: object

    @property
    def packet(self):
        return self.frame.data[HEADERS:]

    @property
    def source_mac(self):
        return self.frame.data[6:12]


def _replace(test, **fields):
    """Of the kernel's replies, those that pass `test`, with other fields."""
    def rule(request, replies):
        return [dataclasses.replace(r, **{k: v(request) for k, v in fields.items()}) if test(r) else r
                for r in replies]
    return rule


def _without(test):
    return lambda request, replies: [r for r in replies if not test(request, r)]


def _is_echo(reply):
    return reply.icmp_type == ECHO_REPLY


def _is_fragment(request):
    return len(request.packet) >= 8 and struct.unpack_from("!H", request.packet, 6)[0] & (MF | OFFSET_MASK) != 0


def _from(request):
    return request.packet[12:16]


def _to(request):
    return request.packet[16:20]


def _with_checksum_of_zeros(request):
    icmp = request.packet[request.packet[0] % 16 * 4:struct.unpack_from("!H", request.packet, 2)[0]]
    return b"\0\0\xff\xff" + bytes(len(icmp) - 4)


# What the responder does otherwise, as a change to what the kernel sends; applied in this order. The answers
# to a request that the responder takes differ by the last ones only.
RULES = {
    "no errors": _without(lambda q, r: r.icmp_type in ERRORS),
    "no time stamps": _without(lambda q, r: r.icmp_type == TIMESTAMP_REPLY),
    "no resets": _without(lambda q, r: r.proto == TCP),
    "no reassembly": _without(lambda q, r: _is_fragment(q)),
    "no packets above the MTU": _without(lambda q, r: len(q.packet) > MTU and q.packet[2:4] > struct.pack("!H", MTU)),
    "addresses of the interface only": _without(lambda q, r: _to(q) == address(q.who.other)),
    "no answer to a group": _without(lambda q, r: q.source_mac[0] & 1 or not any(q.source_mac)),
    "checksum of zeros": _replace(lambda r: _is_echo(r) and not any(r.payload), payload=_with_checksum_of_zeros),
    "no answer to a broadcast": _without(lambda q, r: _from(q) in (
        address(q.who.directed_broadcast), address(q.who.other_broadcast))),
    "no options": _replace(_is_echo, options=lambda q: b""),
    "identification": _replace(_is_echo, ident=lambda q: struct.unpack_from("!H", q.packet, 4)[0],
                               frag=lambda q: DF),
    "back to the sender": _replace(_is_echo, eth_dst=lambda q: q.source_mac, tag=lambda q: VID),
}

# Without a way to the source the kernel cannot answer: seen when it has no route, not by a rule.
NO_ROUTE = "no route needed"


def documented():
    """Names in the list, each of whose entries has to name a section of an RFC."""
    names = []
    for name, text in re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", DOC.read_text(), re.M | re.S):
        assert re.search(r"RFC \d+ section \d", text), f"{name}: no section of an RFC"
        names.append(name)
    assert len(names) == len(set(names))
    return set(names)


def _kernel_only(replies):
    """Of a frame that the kernel gets in both runs: only the identification is its free choice."""
    return [dataclasses.replace(r, ident=0) for r in replies]


def expected(frame, who, inband, seen):
    """What the responder has to reply where the kernel replies `inband`; counts the rules that apply."""
    request, replies = Request(frame, who), inband
    for name, rule in RULES.items():
        changed = rule(request, replies)
        if changed != replies:
            seen[name] += 1
        replies = changed
    return replies


def compare(frames, who, responder, inband):
    """The replies to each frame, by the responder and by the kernel. Returns how often each listed difference
    was seen, and the differences that are not listed, as text."""
    seen, faults = collections.Counter(), []
    for frame, got, kernel in zip(frames, responder, inband, strict=True):
        if frame.diverted:
            want = expected(frame, who, kernel, seen)
        else:
            want, got = _kernel_only(kernel), _kernel_only(got)
        if got != want:
            faults.append(f"{frame.name}: {frame.data.hex()}\n  kernel:    {kernel}\n  expected:  {want}\n"
                          f"  responder: {got}")
    return seen, faults


def shown(faults):
    """The message of a test that found differences."""
    return f"{len(faults)} differences that are not listed, such as\n" + "\n".join(faults[:5])
