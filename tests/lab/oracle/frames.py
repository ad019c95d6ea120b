# SPDX-License-Identifier: MIT
"""The hostile frames: every way we know of to spoil an echo request, and random ones."""

import dataclasses
import random
import struct

ETH_P_IP, ETH_P_8021Q, ETH_P_8021AD = 0x0800, 0x8100, 0x88a8
VID = 42
DF, MF, RESERVED = 0x4000, 0x2000, 0x8000
PLAIN = struct.pack("!HHH", ETH_P_8021Q, VID, ETH_P_IP)
HEADERS = 18  # MAC addresses, tag and EtherType
IN_BAND = 1 << 31
SEED = 20260142
MUTATIONS = 100_000


@dataclasses.dataclass(frozen=True)
class Addresses:
    """Who is asked and by whom. `other` is an address that the target has on another interface."""
    target_mac: bytes
    issuer_mac: bytes
    target: str = "10.10.10.11"
    issuer: str = "10.10.10.10"
    directed_broadcast: str = "10.10.10.255"
    network: str = "10.10.10.0"
    neighbour: str = "10.10.10.77"
    other: str = "192.168.77.1"
    other_broadcast: str = "192.168.77.255"
    other_neighbour: str = "192.168.77.9"
    far: str = "203.0.113.5"


@dataclasses.dataclass(frozen=True)
class Frame:
    name: str
    data: bytes  # as on the wire, tagged

    @property
    def diverted(self):
        """IPv4 under the single tag of the port: otherwise the kernel gets it, whatever the port is."""
        if len(self.data) < HEADERS:
            return False
        proto, tci, inner = struct.unpack_from("!HHH", self.data, 12)
        return (proto, tci & 0xfff, inner) == (ETH_P_8021Q, VID, ETH_P_IP)


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def address(text):
    return bytes(int(part) for part in text.split("."))


def icmp(kind=8, code=0, ident=0, seq=0, data=b""):
    head = struct.pack("!BBHHH", kind, code, 0, ident, seq)
    return head[:2] + struct.pack("!H", checksum(head + data)) + head[4:] + data


def ipv4(src, dst, payload, options=b"", proto=1, ttl=64, ident=0, frag=DF, tos=0, version=4, words=None, length=None):
    """A packet with a right checksum, whatever else is wrong; `words` and `length` instead of the true ones."""
    assert len(options) % 4 == 0
    true_words = 5 + len(options) // 4
    if words is None:
        words = true_words
    if length is None:
        length = 4 * true_words + len(payload)
    head = struct.pack("!BBHHHBBH4s4s", version << 4 | words, tos, length, ident, frag, ttl, proto, 0,
                       address(src), address(dst)) + options
    covered = (head + payload)[:4 * words] if words >= 5 else head  # what the receiver would sum
    return head[:10] + struct.pack("!H", checksum(covered)) + head[12:] + payload


def fix_sums(packet):
    """Both checksums made right, as far as there is a place for them."""
    packet = bytearray(packet)
    if len(packet) < 20:
        return bytes(packet)
    hlen, total = packet[0] % 16 * 4, packet[2] << 8 | packet[3]
    if 20 <= hlen <= len(packet):
        packet[10:12] = b"\0\0"
        packet[10:12] = struct.pack("!H", checksum(bytes(packet[:hlen])))
    if hlen + 4 <= total <= len(packet):
        packet[hlen + 2:hlen + 4] = b"\0\0"
        packet[hlen + 2:hlen + 4] = struct.pack("!H", checksum(bytes(packet[hlen:total])))
    return bytes(packet)


class Maker:
    """Makes frames with an identity of their own: IP id, identifier, sequence number and data."""

    def __init__(self, who):
        self.who = who
        self.made = []

    def message(self, size=24, **kw):
        number = len(self.made)
        data = (struct.pack("!I", number) + bytes((n * 7 + 1) & 0xff for n in range(max(size - 4, 0))))[:size]
        return icmp(ident=0x4000 | number >> 16, seq=number & 0xffff, data=data, **kw)

    def packet(self, payload=None, src=None, dst=None, **kw):
        kw.setdefault("ident", (len(self.made) * 31 + 7) & 0xffff)
        return ipv4(src or self.who.issuer, dst or self.who.target,
                    self.message() if payload is None else payload, **kw)

    def add(self, name, packet, dst=None, src=None, link=PLAIN):
        data = (dst or self.who.target_mac) + (src or self.who.issuer_mac) + link + packet
        self.made.append(Frame(name, data))

    def add_data(self, name, data):
        self.made.append(Frame(name, data))


RECORD_ROUTE, TIMESTAMP, SECURITY, EXTENDED_SECURITY, LOOSE, STRICT, STREAM_ID, ROUTER_ALERT, CIPSO = \
    7, 68, 130, 133, 131, 137, 136, 148, 134


def _pad(options, filler=0):
    return options + bytes([filler]) * (-len(options) % 4)


def good_options():
    """Sound options, by name."""
    hop = bytes((10, 10, 10, 99))
    yield "EOL", bytes(4)
    yield "EOL and rubbish", b"\0\xff\xff\xff"
    for words in range(1, 11):
        yield f"{4 * words} NOPs", b"\1" * (4 * words)
    for entries in range(1, 10):
        yield f"record route of {entries}", _pad(bytes((RECORD_ROUTE, 3 + 4 * entries, 4)) + bytes(4 * entries), 1)
    yield "record route, full", _pad(bytes((RECORD_ROUTE, 7, 8)) + hop)
    yield "record route after a NOP", b"\1" + bytes((RECORD_ROUTE, 7, 4)) + bytes(4)
    for kind, entry in ((0, 4), (1, 8)):
        for entries in (1, 2, 4):
            body = bytes(entry * entries)
            yield f"time stamp {kind} of {entries}", bytes((TIMESTAMP, 4 + len(body), 5, kind)) + body
        yield f"time stamp {kind}, full", bytes((TIMESTAMP, 4 + entry, 5 + entry, kind)) + bytes(entry)
        yield f"time stamp {kind}, overflow 14", bytes((TIMESTAMP, 4 + entry, 5 + entry, 0xe0 | kind)) + bytes(entry)
    for name, addr in (("ours", (10, 10, 10, 11)), ("another's", (10, 10, 10, 99))):
        yield f"time stamp 3, {name}", bytes((TIMESTAMP, 12, 5, 3)) + bytes(addr) + bytes(4)
    for kind in (2, 4, 15):
        yield f"time stamp of kind {kind}", bytes((TIMESTAMP, 8, 5, kind)) + bytes(4)
    yield "router alert", bytes((ROUTER_ALERT, 4, 0, 0))
    yield "router alert 1", bytes((ROUTER_ALERT, 4, 0, 1))
    yield "security", _pad(bytes((SECURITY, 11)) + bytes(9))
    yield "extended security", _pad(bytes((EXTENDED_SECURITY, 5, 1, 2, 3)))
    yield "stream id", bytes((STREAM_ID, 4, 1, 2))
    yield "unknown", bytes((0x5e, 4, 1, 2))


def bad_options():
    """Those that ask for a way, or are malformed, by name."""
    for kind, name in ((LOOSE, "loose"), (STRICT, "strict")):
        yield f"{name} route", _pad(bytes((kind, 7, 4, 10, 10, 10, 99)))
        yield f"{name} route, at its end", _pad(bytes((kind, 7, 8, 10, 10, 10, 99)))
        yield f"{name} route, empty", _pad(bytes((kind, 3, 4)))
        for pointer in (0, 1, 3, 5, 6, 7, 9, 255):
            yield f"{name} route, pointer {pointer}", _pad(bytes((kind, 7, pointer, 10, 10, 10, 99)))
        yield f"{name} route, short", _pad(bytes((kind, 2)))
        yield f"{name} route, twice", bytes((kind, 4, 4, 1, kind, 4, 4, 1))
    for kind in (RECORD_ROUTE, TIMESTAMP, SECURITY, EXTENDED_SECURITY, LOOSE, STRICT, STREAM_ID, ROUTER_ALERT, CIPSO,
                 0x5e):
        for length in range(0, 14):
            yield f"option {kind} of {length} in 12", bytes((kind, length)) + bytes((5, 0)) + bytes(8)
        yield f"option {kind} at the end", b"\1\1\1" + bytes((kind,))
    for pointer in range(0, 14):
        yield f"record route, pointer {pointer}", _pad(bytes((RECORD_ROUTE, 11, pointer)) + bytes(8))
        for kind in (0, 1, 3):
            yield f"time stamp {kind}, pointer {pointer}", bytes((TIMESTAMP, 12, pointer, kind)) + bytes(8)
    yield "record route, twice", _pad(bytes((RECORD_ROUTE, 7, 4)) + bytes(4) + bytes((RECORD_ROUTE, 7, 4)) + bytes(4))
    yield "time stamp, twice", bytes((TIMESTAMP, 8, 5, 0)) + bytes(4) + bytes((TIMESTAMP, 8, 5, 0)) + bytes(4)
    for kind in (0, 1, 3):
        yield f"time stamp {kind}, overflow 15", bytes((TIMESTAMP, 12, 13, 0xf0 | kind)) + bytes(8)
    yield "CIPSO", bytes((CIPSO, 12, 0, 0, 0, 1, 1, 6, 0, 1, 0, 0))


def _lengths(m):
    whole = m.packet(m.message(size=56))
    for cut in range(len(whole) + 1):
        m.add(f"truncated to {cut}", whole[:cut])
    with_options = m.packet(options=bytes((RECORD_ROUTE, 7, 4)) + bytes(4) + b"\1")
    for cut in range(len(with_options)):
        m.add(f"with options, truncated to {cut}", with_options[:cut])
    for size in (*range(0, 64), 500, 1372, 1471, 1472):
        m.add(f"data of {size}", m.packet(m.message(size=size)))
        m.add(f"data of {size}, padded", m.packet(m.message(size=min(size, 1400))) + b"\xee" * 60)
    message = m.message(size=56)
    for length in (*range(0, 140), 255, 256, 0x54ff, 1500, 0x7fff, 0x8000, 0xfffe, 0xffff):
        packet = m.packet(message, length=length)
        m.add(f"total length {length}", packet)
        m.add(f"total length {length}, sums right", fix_sums(packet))
        m.add(f"total length {length}, padded", fix_sums(packet + bytes(60)))
    for words in range(16):
        for version in (4, 6, 5, 0, 15):
            packet = m.packet(m.message(size=56), words=words, version=version)
            m.add(f"version {version}, {words} words", packet)
            m.add(f"version {version}, {words} words, sums right", fix_sums(packet))
        for length in range(max(0, 4 * words - 2), 4 * words + 11):
            m.add(f"{words} words, total length {length}",
                  fix_sums(m.packet(b"\1" * 40 + m.message(), words=words, length=length)))


def _fragments(m):
    for more in (0, MF):
        for offset in range(0x2000):
            m.add(f"offset {offset}{', more' if more else ''}", m.packet(frag=more | offset))
    for flags in range(8):
        m.add(f"flags {flags}", m.packet(frag=flags << 13))
    for first in (8, 16, 48):
        message, ident = m.message(size=56), 0xf000 + first
        m.add(f"in two, the first of {first}", m.packet(message[:first], frag=MF, ident=ident))
        m.add(f"in two, the second after {first}", m.packet(message[first:], frag=first // 8, ident=ident))
        ident += 1
        m.add(f"in two, the second first, after {first}", m.packet(message[first:], frag=first // 8, ident=ident))
        m.add(f"in two, the first last, of {first}", m.packet(message[:first], frag=MF, ident=ident))


def _options(m):
    for name, options in (*good_options(), *bad_options()):
        assert len(options) % 4 == 0, name
        m.add(f"options: {name}", m.packet(options=options))
        m.add(f"options: {name}, no request", m.packet(m.message(kind=0), options=options))


def _checksums(m):
    for bit in range(16):
        for at, name in ((10, "IP"), (22, "ICMP")):
            packet = bytearray(m.packet())
            packet[at + bit // 8] ^= 1 << bit % 8
            m.add(f"{name} checksum, bit {bit}", bytes(packet))
    for at, name in ((10, "IP"), (22, "ICMP")):
        for value in (b"\0\0", b"\xff\xff"):
            packet = bytearray(m.packet())
            packet[at:at + 2] = value
            m.add(f"{name} checksum {value.hex()}", bytes(packet))
    zero = bytes(8) + bytes(56)
    m.add("request of zeros", m.packet(b"\x08\0" + struct.pack("!H", checksum(b"\x08\0" + zero[2:])) + zero[4:]))
    # One's complement has two zeros; a receiver takes both for a right sum.
    packet = bytearray(m.packet(icmp(ident=0, seq=0xf7ff)))
    m.add("ICMP checksum zero that is right", bytes(packet))
    packet[22:24] = b"\xff\xff"
    m.add("ICMP checksum minus zero", bytes(packet))


def sources(who):
    """Strange senders, by name."""
    return {
        "own": who.target, "limited broadcast": "255.255.255.255", "directed broadcast": who.directed_broadcast,
        "network": who.network, "multicast": "224.0.0.1", "multicast, last": "239.255.255.255",
        "loopback": "127.0.0.1", "loopback, last": "127.255.255.255", "zero": "0.0.0.0", "this network": "0.1.2.3",
        "class E": "240.0.0.1", "class E, last": "255.255.255.254", "far": who.far, "neighbour": who.neighbour,
        "link-local": "169.254.7.7", "own on another interface": who.other,
        "broadcast of another interface": who.other_broadcast, "neighbour on another interface": who.other_neighbour,
    }


def destinations(who):
    """Strange addressees, by name."""
    return {
        "limited broadcast": "255.255.255.255", "directed broadcast": who.directed_broadcast,
        "network": who.network, "all hosts": "224.0.0.1", "multicast": "239.1.2.3", "loopback": "127.0.0.1",
        "loopback 2": "127.9.9.9", "zero": "0.0.0.0", "this network": "0.1.2.3", "class E": "240.0.0.1",
        "neighbour": who.neighbour, "issuer": who.issuer, "far": who.far,
        "own on another interface": who.other, "broadcast of another interface": who.other_broadcast,
    }


def _addresses(m):
    for name, src in sources(m.who).items():
        m.add(f"source: {name}", m.packet(src=src))
    broadcast = b"\xff" * 6
    for name, dst in destinations(m.who).items():
        m.add(f"destination: {name}", m.packet(dst=dst))
        m.add(f"destination: {name}, to all", m.packet(dst=dst), dst=broadcast)
        for other, src in sources(m.who).items():
            m.add(f"destination: {name}, source: {other}", m.packet(src=src, dst=dst))


def _protocols(m):
    for proto in range(256):
        m.add(f"protocol {proto}", m.packet(proto=proto))
    for kind in range(256):
        m.add(f"type {kind}", m.packet(m.message(kind=kind)))
        m.add(f"type {kind}, 60 bytes of data", m.packet(m.message(size=60, kind=kind)))
        m.add(f"code {kind}", m.packet(m.message(code=kind)))
        m.add(f"TOS {kind}", m.packet(tos=kind))
    for kind in (0, 8, 13, 15, 17):
        for size in range(0, 24):
            m.add(f"type {kind} cut to {size}", fix_sums(m.packet(m.message(kind=kind)[:size])))
    for ttl in (0, 1, 2, 63, 64, 128, 255):
        m.add(f"TTL {ttl}", m.packet(ttl=ttl))
    ends = address(m.who.issuer) + address(m.who.target)
    syn = struct.pack("!HHIIBBHHH", 40000, 9, 1, 0, 0x50, 2, 8192, 0, 0)
    total = checksum(ends + struct.pack("!HH", 6, len(syn)) + syn)
    m.add("TCP to a closed port", m.packet(syn[:16] + struct.pack("!H", total) + syn[18:], proto=6))
    m.add("UDP to a closed port", m.packet(struct.pack("!HHHH", 40000, 9, 16, 0) + bytes(8), proto=17))


def _links(m):
    """MAC addresses and tags. What is not diverted is the kernel's with the port enabled, too."""
    who = m.who
    for name, mac in (("broadcast", b"\xff" * 6), ("multicast", b"\x01\0\x5e\0\0\1"), ("odd", b"\x03\0\0\0\0\7"),
                      ("zero", bytes(6)), ("another host's", b"\x02\0\0\0\x99\x99"), ("own", who.target_mac)):
        m.add(f"to MAC: {name}", m.packet(), dst=mac)
        m.add(f"from MAC: {name}", m.packet(), src=mac)
    for pcp in range(16):  # with the drop eligible bit
        m.add(f"priority {pcp}", m.packet(), link=struct.pack("!HHH", ETH_P_8021Q, pcp << 12 | VID, ETH_P_IP))
    for vid in (0, 1, 41, 43, 4094, 4095):
        m.add(f"VLAN {vid}", m.packet(), link=struct.pack("!HHH", ETH_P_8021Q, vid, ETH_P_IP))
    m.add("untagged", m.packet(), link=struct.pack("!H", ETH_P_IP))
    m.add("service tag", m.packet(), link=struct.pack("!HHH", ETH_P_8021AD, VID, ETH_P_IP))
    for outer in (ETH_P_8021Q, ETH_P_8021AD):
        for inner in (0, 7, VID):
            m.add(f"tag {inner} in {outer:x} {VID}", m.packet(),
                  link=struct.pack("!HHHHH", outer, VID, ETH_P_8021Q, inner, ETH_P_IP))
            m.add(f"tag {VID} in {outer:x} {inner}", m.packet(),
                  link=struct.pack("!HHHHH", outer, inner, ETH_P_8021Q, VID, ETH_P_IP))
    for proto in (0x0000, 0x0024, 0x05dc, 0x0600, 0x0801, 0x0806, 0x6003, 0x86dd, 0x8847, 0x8863, 0x8864, 0x88cc,
                  0xffff):
        m.add(f"EtherType {proto:x}", m.packet(), link=struct.pack("!HHH", ETH_P_8021Q, VID, proto))
    whole = who.target_mac + who.issuer_mac + PLAIN + m.packet()
    for cut in range(14, HEADERS):
        m.add_data(f"runt of {cut}", whole[:cut])


def _mutations(m, count, rnd):
    """Requests with some bytes changed, most of them in the headers, and sometimes the length."""
    favourites = (0, 1, 8, 0x14, 0x1b, 0x45, 0x46, 0x7f, 0x83, 0x86, 0x88, 0xff)
    options = bytes((RECORD_ROUTE, 7, 4, 0, 0, 0, 0, 1, TIMESTAMP, 4, 5, 0))
    for number in range(count):
        packet = bytearray(m.packet(m.message(size=rnd.choice((56, 12, 13))), options=b"" if number % 3 else options))
        for _ in range(rnd.randint(1, 4)):
            at = rnd.randrange(len(packet) if rnd.random() < .2 else 28 if number % 3 else 40)
            how = rnd.randrange(3)
            packet[at] = packet[at] ^ 1 << rnd.randrange(8) if how == 0 else \
                rnd.randrange(256) if how == 1 else rnd.choice(favourites)
        if rnd.random() < .1:
            del packet[rnd.randrange(len(packet)):]
        if rnd.random() < .1:
            packet += bytes([rnd.randrange(256)]) * rnd.randrange(64)
        packet = bytes(packet)
        if rnd.random() < .75:
            packet = fix_sums(packet)
        macs = bytearray(m.who.target_mac + m.who.issuer_mac)
        if rnd.random() < .03:
            macs[rnd.randrange(12)] ^= 1 << rnd.randrange(8)
        m.add_data(f"mutation {number}", bytes(macs) + PLAIN + packet)


JUMBO = (1473, 1474, 1480, 1486, 1487, 1600, 1900, 2000, 2100, 3000, 4068, 4096, 5000, 8972, 9000)
JUMBO_MTU = 9100


def structured(who, jumbo):
    """All but the mutations. `jumbo`: with requests larger than an MTU of 1500."""
    m = Maker(who)
    for part in (_lengths, _options, _checksums, _addresses, _protocols, _links, _fragments):
        part(m)
    for size in JUMBO if jumbo else ():
        m.add(f"jumbo: data of {size}", m.packet(m.message(size=size)))
    return m.made


def mutated(who, count=MUTATIONS, seed=SEED):
    m = Maker(who)
    _mutations(m, count, random.Random(seed))
    return m.made


def from_sources(who):
    """Requests that are sound but for their senders."""
    m = Maker(who)
    for name, src in sources(who).items():
        m.add(f"source: {name}", m.packet(src=src))
    return m.made


def sentinels(who):
    """What replay.c sends after each frame: after one that is diverted, and after one that is not."""
    message, macs = icmp(ident=0x5e47, data=b"oob sentinel" + bytes(4)), who.target_mac + who.issuer_mac
    return (macs + PLAIN + ipv4(who.issuer, who.target, message),
            macs + struct.pack("!H", ETH_P_IP) + ipv4(who.other_neighbour, who.other, message))


def untagged(data):
    """The same frame for a target without a VLAN device."""
    return data[:12] + data[16:]


def write(who, frames, tagged=True):
    """The input of replay.c. Without tags only frames that are diverted make sense."""
    out_of_band, in_band = sentinels(who)
    records = [(out_of_band, False), (in_band, True), *((f.data, not f.diverted) for f in frames)]
    parts = []
    for data, flag in records:
        if not tagged and not flag:
            data = untagged(data)
        parts.append(struct.pack("=I", len(data) | (IN_BAND if flag else 0)) + data)
    return b"".join(parts)
