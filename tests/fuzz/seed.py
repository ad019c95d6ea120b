#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Write the first inputs of the fuzzers' corpora; what fuzzing adds later is kept beside them."""

import pathlib
import struct

HERE = pathlib.Path(__file__).resolve().parent
OWN_MAC = bytes.fromhex("02000000000b")
PEER_MAC = bytes.fromhex("02000000000a")
OWN_IP = bytes((10, 10, 10, 11))
PEER_IP = bytes((10, 10, 10, 10))

VLAN_LISTS = {
    "empty": b"",
    "newline": b"\n",
    "one": b"42",
    "list": b"42-45,100,107\n",
    "pattern": b"10-200:3/7,300-400:N/N",
    "last": b"100-N:1/50",
    "all": b"all",
    "all-none": b"ALL:0/1",
    "reserved": b"0,1,4095",
    "beyond": b"4096",
    "overflow": b"4294967338,18446744073709551658",
    "reversed": b"45-42",
    "spaces": b" 2\t3\r\n,, 4-5\x00junk",
    "second-line": b"10-13:1/2\n50\n60",
    "junk": b"42,x",
}

OPTIONS = {
    "none": b"",
    "nops": b"\x01" * 40,
    "record-route": bytes((7, 7, 4, 0, 0, 0, 0, 0)),
    "record-route-full": bytes((7, 7, 8, 1, 2, 3, 4, 0)),
    "stamps": bytes((68, 12, 5, 1)) + bytes(8),
    "stamps-full": bytes((68, 4, 5, 0xE0)),
    "stamps-asked": bytes((68, 12, 5, 3)) + bytes(8),
    "loose": bytes((131, 7, 4, 10, 10, 10, 1, 0)),
    "strict": bytes((1, 137, 3, 4)),
    "alert": bytes((148, 4, 0, 0)),
    "cipso": bytes((134, 6, 0, 0, 0, 1, 0, 0)),
    "bad": bytes((0x99, 60, 0, 0)),
}


def checksum(data):
    """RFC 1071."""
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def with_checksum(data, at):
    """The bytes with their checksum, zero so far, filled in."""
    return data[:at] + struct.pack(">H", checksum(data)) + data[at + 2:]


def packet(options=b"", data=b"oobnet", proto=1, kind=8, frag=0x4000, src=PEER_IP, dst=OWN_IP):
    """An IPv4 packet with an ICMP message."""
    icmp = with_checksum(struct.pack(">BBHHH", kind, 0, 0, 0x1234, 1) + data, 2)
    head = struct.pack(">BBHHHBBH", 0x45 + len(options) // 4, 0, 20 + len(options) + len(icmp),
                       1, frag, 64, proto, 0)
    return with_checksum(head + src + dst + options, 10) + icmp


def frame(ip, dst=OWN_MAC, src=PEER_MAC, ethertype=0x0800):
    """An untagged Ethernet frame."""
    return dst + src + struct.pack(">H", ethertype) + ip


def packets():
    """Names and packets that lead into every branch."""
    for name, options in OPTIONS.items():
        yield f"options-{name}", packet(options)
    yield "ping", packet(data=bytes(range(56)))
    yield "ping-empty", packet(data=b"")
    yield "fragment-first", packet(frag=0x2000)
    yield "fragment-last", packet(frag=0x0003)
    yield "udp", packet(proto=17)
    yield "reply", packet(kind=0)
    yield "from-broadcast", packet(src=bytes((10, 10, 10, 255)))
    yield "from-us", packet(src=OWN_IP)
    yield "to-broadcast", packet(dst=bytes((10, 10, 10, 255)))
    yield "to-all", packet(dst=b"\xff" * 4)
    yield "to-group", packet(dst=bytes((224, 0, 0, 1)))
    yield "to-other", packet(dst=bytes((10, 10, 10, 12)))
    yield "cut", packet()[:-3]
    yield "header-only", packet()[:20]


def write(fuzzer, name, data):
    """One input."""
    where = HERE / "corpus" / fuzzer
    where.mkdir(parents=True, exist_ok=True)
    (where / name).write_bytes(data)


def main():
    """All corpora."""
    for name, text in VLAN_LISTS.items():
        write("fuzz_vlanlist", f"seed-{name}", text)
    for name, ip in packets():
        write("fuzz_ipv4", f"seed-{name}", b"\x00" + ip)
        write("fuzz_echo", f"seed-{name}", b"\x00\x00" + frame(ip))
    write("fuzz_ipv4", "seed-fix", b"\x01" + packet(OPTIONS["stamps"]))
    tagged = b"\x81\x00\x00\x2a\x08\x00"
    write("fuzz_ipv4", "seed-tagged", b"\x00" + OWN_MAC + PEER_MAC + tagged)
    write("fuzz_echo", "seed-tagged", b"\x00\x00" + frame(tagged[2:] + packet(), ethertype=0x8100))
    write("fuzz_echo", "seed-padded", b"\x00\x00" + frame(packet(data=b"")).ljust(60, b"\0"))
    write("fuzz_echo", "seed-broadcast", b"\x00\x00" + frame(packet(), dst=b"\xff" * 6))
    write("fuzz_echo", "seed-other-host", b"\x00\x00" + frame(packet(), dst=PEER_MAC))
    write("fuzz_echo", "seed-group-sender", b"\x00\x00" + frame(packet(), src=b"\x01" * 6))
    write("fuzz_echo", "seed-short-room", b"\x10\x20" + frame(packet()))
    write("fuzz_echo", "seed-no-addresses", b"\x60\x00" + frame(packet()))
    write("fuzz_echo", "seed-fix-all", b"\x0f\x00" + frame(packet(OPTIONS["record-route"])))


if __name__ == "__main__":
    main()
