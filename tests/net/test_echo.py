# SPDX-License-Identifier: MIT
"""oob-net-icmp over veth: what it answers, what it refuses, and that nothing stops it."""

import random
import re
import signal
import struct

import pytest
from world import ETH_P_8021Q, ethernet, icmp, ipv4, receive_tagged

REFUSED_WITHIN = 0.3  # seconds without an answer


@pytest.fixture
def ready(world):
    world.enable()
    return world


def expect_reply(world, sock, request, timeout=3.0):
    """Sends a request and checks the answer byte by byte."""
    sock.send(request)
    reply = receive_tagged(sock, timeout)
    while reply is not None and reply[42:46] != request[42:46]:
        reply = receive_tagged(sock, timeout)  # somebody else's, by identifier and sequence number
    assert reply is not None, "no answer"
    ip = request[18:18 + struct.unpack_from("!H", request, 20)[0]]
    assert reply[:12] == world.issuer_mac + world.target_mac
    assert reply[12:16] == struct.pack("!HH", ETH_P_8021Q, world.VID)
    answer = ipv4(world.TARGET, world.ISSUER,
                  icmp(0, *struct.unpack_from("!HH", ip, 24), ip[28:], code=ip[21]),
                  ident=struct.unpack_from("!H", ip, 4)[0], flags=0x4000, tos=ip[1])
    assert reply[16:18 + len(answer)] == b"\x08\x00" + answer
    assert not any(reply[18 + len(answer):]), "padding is not zero"
    return reply


def alive(world, sock, seq):
    expect_reply(world, sock, world.request(seq=seq, data=b"alive"))


def test_page_output(ready):
    program = ready.responder()
    sock = ready.issuer.packet_socket("veth1")
    for seq in range(3):
        expect_reply(ready, sock, ready.request(seq=seq, data=bytes(56)))
    ifindex = ready.target.check("cat", "/sys/class/net/veth0/ifindex").strip()
    mac = ":".join(f"{b:02x}" for b in ready.issuer_mac)
    for n in range(3):
        assert program.stdout.readline().decode() == \
            f"[{n}] count=84, proto=0x800, ifindex={ifindex}, type=0, halen=6, mac={mac}\n"
    # A refused frame has its line, with the number unchanged.
    bad = bytearray(ready.request())
    bad[38] = 13  # not an echo request; the checksum is wrong now, too
    sock.send(bytes(bad))
    assert program.stdout.readline().startswith(b"[3] count=84, ")
    assert program.stdout.readline() == b"  *** not an ICMP request - dropped\n"
    program.send_signal(signal.SIGINT)
    out, err = program.communicate(timeout=5)
    assert program.returncode == 0
    assert "--- veth0: 3 echo requests answered ---\n1 refused: " in out.decode()
    assert err == b""


@pytest.mark.parametrize("size", [0, 1, 17, 18, 56, 1372, 1472])
def test_sizes(ready, size):
    program = ready.responder()
    sock = ready.issuer.packet_socket("veth1")
    expect_reply(ready, sock, ready.request(data=bytes(random.Random(size).randbytes(size))))
    assert f"count={28 + size}," in program.stdout.readline().decode()


def test_padding_is_neither_counted_nor_echoed(ready):
    program = ready.responder()
    sock = ready.issuer.packet_socket("veth1")
    expect_reply(ready, sock, ready.request(data=b"ab") + b"\xee" * 40)
    assert b"count=30," in program.stdout.readline()


def test_pcp_and_tos(ready):
    ready.responder("-s")
    sock = ready.issuer.packet_socket("veth1")
    packet = ipv4(ready.ISSUER, ready.TARGET, icmp(8, 1, 2, b"q"), tos=0xb8)
    expect_reply(ready, sock, ethernet(ready.target_mac, ready.issuer_mac, packet, vid=42, pcp=5))


def refused_frames(world):
    """name -> frame that gets no answer."""
    def request(src=world.ISSUER, dst=world.TARGET, **kw):
        return ipv4(src, dst, icmp(8, 1, 1, b"data"), **kw)

    def frame(packet, dst=None, src=None):
        return ethernet(dst or world.target_mac, src or world.issuer_mac, packet, vid=42)

    def patched(offset, value):
        packet = bytearray(request())
        packet[offset] = value
        return frame(bytes(packet))

    whole = request()
    return {
        "fragment": frame(request(flags=0x2000)),
        "later fragment": frame(request(flags=0x0001)),
        "bad IP checksum": patched(10, whole[10] ^ 0x55),
        "bad ICMP checksum": patched(22, whole[22] ^ 0x55),
        "version 6": patched(0, 0x65),
        "header of 4 words": patched(0, 0x44),
        "total length too large": frame(ipv4(world.ISSUER, world.TARGET, icmp(8, 1, 1, b"data"))[:-2]),
        "echo reply": frame(ipv4(world.ISSUER, world.TARGET, icmp(0, 1, 1))),
        "UDP": frame(ipv4(world.ISSUER, world.TARGET, bytes(8), proto=17)),
        "other address": frame(request(dst="10.10.10.99")),
        "directed broadcast": frame(request(dst="10.10.10.255")),
        "limited broadcast": frame(request(dst="255.255.255.255")),
        "multicast": frame(request(dst="224.0.0.1")),
        "broadcast source": frame(request(src="255.255.255.255")),
        "directed broadcast source": frame(request(src="10.10.10.255")),
        "multicast source": frame(request(src="224.0.0.1")),
        "loopback source": frame(request(src="127.0.0.1")),
        "zero source": frame(request(src="0.0.0.0")),
        "own source": frame(request(src=world.TARGET)),
        "other host's MAC": frame(request(), dst=b"\x02\x00\x00\x00\x99\x99"),
    }


def test_refused(ready):
    program = ready.responder("-s")
    sock = ready.issuer.packet_socket("veth1")
    frames = refused_frames(ready)
    for name, frame in frames.items():
        sock.send(frame)
    reply = receive_tagged(sock, REFUSED_WITHIN)
    assert reply is None, f"an answer to one of them: {reply.hex()}"
    alive(ready, sock, 1)
    program.send_signal(signal.SIGINT)
    out = program.communicate(timeout=5)[0].decode()
    assert sum(int(n) for n in re.findall(r"^(\d+) refused: ", out, re.M)) == len(frames)


def test_left_to_the_kernel(ready):
    """Other VLAN ids, untagged frames and second tags never reach the program."""
    ready.responder("-s")
    sock = ready.issuer.packet_socket("veth1")
    before = ready.status()["rx_packets"]
    packet = ipv4(ready.ISSUER, ready.TARGET, icmp(8, 1, 1))
    for vid in (0, 1, 41, 43, 4095):
        sock.send(ethernet(ready.target_mac, ready.issuer_mac, packet, vid=vid))
    sock.send(ready.target_mac + ready.issuer_mac + struct.pack("!HHHH", ETH_P_8021Q, 42, ETH_P_8021Q, 7) +
              b"\x08\x00" + packet)
    sock.send(ready.target_mac + ready.issuer_mac + struct.pack("!HHH", ETH_P_8021Q, 42, 0x0806) + bytes(46))
    alive(ready, sock, 1)
    assert ready.status()["rx_packets"] == before + 1
    ready.issuer.check("ip", "addr", "add", "10.10.10.10/24", "dev", "veth1")
    assert " 0% packet loss" in ready.issuer.check("ping", "-c", "2", "-i", "0.05", "10.10.10.11")


def test_every_truncation(ready):
    ready.responder("-s")
    sock = ready.issuer.packet_socket("veth1")
    request = ready.request(data=bytes(range(56)))
    for length in range(18, len(request)):
        sock.send(request[:length])
    assert receive_tagged(sock, REFUSED_WITHIN) is None
    alive(ready, sock, 1)


def test_random_mutations(ready):
    program = ready.responder("-s")
    sock = ready.issuer.packet_socket("veth1", receive=False)
    listener = ready.issuer.packet_socket("veth1")
    rng = random.Random(42)
    request = ready.request(data=bytes(range(56)))
    for n in range(100_000):
        frame = bytearray(request)
        for _ in range(rng.randint(1, 4)):
            frame[rng.randrange(18, len(frame))] = rng.randrange(256)
        sock.send(frame[:rng.choice((len(frame), rng.randint(18, len(frame))))])
        if n % 20_000 == 0:
            assert program.poll() is None
    while receive_tagged(listener, REFUSED_WITHIN):
        pass
    alive(ready, listener, 9)
    status = ready.status()
    assert status["rx_packets"] >= 100_000
    assert program.poll() is None


def test_address_at_that_moment(ready):
    ready.responder("-s")
    sock = ready.issuer.packet_socket("veth1")
    second = ready.request(dst="10.10.10.12")
    sock.send(second)
    assert receive_tagged(sock, REFUSED_WITHIN) is None
    ready.target.check("ip", "addr", "add", "10.10.10.12/24", "dev", "veth0")
    for _ in range(20):  # the announcement takes its way
        sock.send(second)
        if receive_tagged(sock, 0.1):
            break
    else:
        pytest.fail("an address that was added is not answered for")
    ready.target.check("ip", "addr", "del", "10.10.10.12/24", "dev", "veth0")
    for _ in range(20):
        sock.send(second)
        if not receive_tagged(sock, 0.1):
            break
    else:
        pytest.fail("an address that was removed is answered for")


def test_usage_and_sentences(world):
    def run(*args):
        return world.target.run(world.prefix / "tidbits/oob-net-icmp", *args)

    missing = run()
    assert (missing.returncode, missing.stderr) == (2, "usage: oob-net-icmp -i <network-interface> [-d][-s]\n")
    assert run("-x").returncode == 1
    unknown = run("-i", "nosuch0")
    assert unknown.returncode == 3 and "nosuch0" in unknown.stderr
    no_daemon = run("-i", "veth0")
    assert no_daemon.returncode == 4
    assert "oobnetd is not running" in no_daemon.stderr and "evl net -ei veth0" in no_daemon.stderr
    world.evl_check("net", "-N42")
    no_port = run("-i", "veth0")
    assert no_port.returncode == 4 and "evl net -ei veth0" in no_port.stderr


def test_second_program_is_told_who_holds_the_port(ready):
    first = ready.responder("-s")
    second = ready.target.run(ready.prefix / "tidbits/oob-net-icmp", "-i", "veth0")
    assert second.returncode == 5
    assert f"oob-net-icmp (pid {first.pid})" in second.stderr
    assert f"oob-net-icmp (pid {first.pid})" in ready.evl_check("net", "-Q", "-i", "veth0")
