# SPDX-License-Identifier: MIT
"""Ports, daemons and programs come and go: nothing is lost that need not be, nothing is left behind."""

import os
import pathlib
import signal
import struct
import threading
import time

import pytest
from programs import compile_program, library_flags
from test_echo import alive, expect_reply
from world import World, receive_tagged


def until(condition, what, timeout=5.0):
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, f"not within {timeout} s: {what}"
        time.sleep(0.02)


def features(world):
    return {line.split(":")[0].strip(): line.split(":")[1].strip()
            for line in world.target.check("ethtool", "-k", "veth0").splitlines() if ": " in line}


def attached(world):
    return "prog/xdp" in world.target.check("ip", "link", "show", "veth0")


def frames_are_home(world):
    """Every frame is accounted for: none held by a program, none under way."""
    frames = world.status()["frames"]
    return frames["tx_free"] == frames["tx_total"] and frames["rx_home"] == frames["rx_total"]


class Pinger:
    """Sends numbered requests at a steady pace from a thread; counts those unanswered."""

    def __init__(self, world, interval=0.005):
        self.world, self.interval = world, interval
        self.sock = world.issuer.packet_socket("veth1")
        self.answered, self.sent = [], 0
        self.stopping = threading.Event()
        self.threads = [threading.Thread(target=self._send), threading.Thread(target=self._receive)]
        for thread in self.threads:
            thread.start()

    def _send(self):
        out = self.world.issuer.packet_socket("veth1", receive=False)
        while not self.stopping.wait(self.interval):
            out.send(self.world.request(seq=self.sent & 0xffff, ident=5))
            self.sent += 1

    def _receive(self):
        while True:
            reply = receive_tagged(self.sock, 0.5)
            if reply is None and self.stopping.is_set():
                return
            if reply and reply[38:39] == b"\0" and reply[42:44] == b"\0\5":  # echo replies to our identifier
                self.answered.append(struct.unpack_from("!H", reply, 44)[0])

    def stop(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join()
        lost = set(range(self.sent)) - set(self.answered)
        assert len(self.answered) == len(set(self.answered)), "answered twice"
        return lost


def test_enable_and_disable_restore_everything(world):
    before = features(world)
    assert before["rx-vlan-offload"] == "on"
    world.enable()
    assert attached(world)
    assert features(world)["rx-vlan-offload"] == "off"
    assert "rx-vlan-offload" in world.evl_check("net", "-Q", "-i", "veth0")
    world.evl_check("net", "-di", "veth0")
    assert not attached(world)
    assert features(world) == before


def test_enabling_twice_keeps_the_pool(world):
    world.evl_check("net", "-ei", "veth0", "--vid", "42", "-p", "512")
    world.evl_check("net", "-ei", "veth0", "--vid", "42", "-p", "1024", "-b", "4096")
    assert world.evl_check("net", "-Qsa", "-i", "veth0") == "2048 512\n"


@pytest.mark.parametrize("asked,got", [("0", "2048"), ("1", "2048"), ("2048", "2048"), ("2049", "4096"), ("4096", "4096")])
def test_buffer_sizes(world, asked, got):
    world.evl_check("net", "-ei", "veth0", "--vid", "42", "-b", asked)
    assert world.evl_check("net", "-Qs", "-i", "veth0") == got + "\n"


def refused(world, *args):
    done = world.evl("net", *args)
    assert done.returncode == 1
    assert not attached(world)
    assert features(world)["rx-vlan-offload"] == "on"
    return done.stderr


def test_refusals(world):
    assert "4096" in refused(world, "-ei", "veth0", "--vid", "42", "-b", "4097")
    assert "32768" in refused(world, "-ei", "veth0", "--vid", "42", "-p", "32769")
    assert "not a VLAN device" in refused(world, "-ei", "veth0")
    for vid in ("0", "1", "4095", "4096", "x"):
        refused(world, "-ei", "veth0", "--vid", vid)
    assert "No such device" in refused(world, "-ei", "nosuch0", "--vid", "42")
    world.target.check("ip", "link", "set", "veth0", "mtu", "9000")
    assert "ip link set veth0 mtu" in refused(world, "-ei", "veth0", "--vid", "42")
    world.target.check("ip", "link", "set", "veth0", "mtu", "1500")
    world.target.check("ip", "link", "set", "veth0", "down")
    stderr = refused(world, "-ei", "veth0", "--vid", "42")
    assert "Network is down" in stderr and "ip link set veth0 up" in stderr


def test_foreign_program_is_not_replaced(world):
    script = ("mount -t bpf bpf /sys/fs/bpf; ip link set dev veth0 xdpgeneric obj "
              f"{os.path.dirname(__file__)}/pass.bpf.o sec xdp")
    source = os.path.join(os.path.dirname(__file__), "pass.bpf.c")
    target = os.path.join(os.path.dirname(__file__), "pass.bpf.o")
    world.target.check("clang", "-O2", "-g", "-target", "bpf", "-I/usr/include/x86_64-linux-gnu", "-c", source, "-o", target)
    world.target.check("sh", "-c", script)
    os.unlink(target)
    done = world.evl("net", "-ei", "veth0", "--vid", "42")
    assert done.returncode == 1
    assert "Device or resource busy" in done.stderr and "let_pass" in done.stderr
    assert attached(world)
    assert features(world)["rx-vlan-offload"] == "on"


def test_vlan_set(world):
    world.evl_check("net", "-N42-45,100,107")
    assert world.evl_check("net", "-n") == "42-45,100,107\n"
    for bad in ("0", "1", "4095", "4096", "45-42", "x", "42,", "all", "42-45:5/2"):
        done = world.evl("net", f"-N{bad}")
        kept = world.evl_check("net", "-n")
        assert (done.returncode == 1) == (kept == "42-45,100,107\n"), bad
        if done.returncode == 0:  # what the kernel's parser takes, too
            assert bad == "42," and kept == "42\n"
            world.evl_check("net", "-N42-45,100,107")
    world.evl_check("net", "-N7")
    assert world.evl_check("net", "-n") == "7\n"
    assert world.evl_check("net", "-N") == "VLAN filter cleared\n"
    assert world.evl_check("net", "-n") == ""


def test_responder_killed(world):
    world.enable()
    for round_ in range(5):
        program = world.responder("-s")
        pinger = Pinger(world, interval=0.001)
        time.sleep(0.2)
        program.kill()
        program.wait()
        again = world.responder("-s")
        sock = world.issuer.packet_socket("veth1")
        alive(world, sock, round_)
        pinger.stop()
        again.kill()
        again.wait()
        until(lambda: frames_are_home(world), "every frame is back")
    assert world.status()["frames"]["tx_limbo"] == 0


def test_responder_stopped_then_killed(world):
    world.enable()
    program = world.responder("-s")
    pinger = Pinger(world, interval=0.001)
    time.sleep(0.1)
    program.send_signal(signal.SIGSTOP)
    time.sleep(0.5)  # its RX ring fills up
    program.kill()
    program.wait()
    pinger.stop()
    world.responder("-s")
    alive(world, world.issuer.packet_socket("veth1"), 3)


def test_daemon_killed_loses_nothing(world):
    world.enable()
    world.responder("-s")
    pinger = Pinger(world)
    time.sleep(0.3)
    [daemon] = world.target.processes("oobnetd")
    os.kill(daemon, signal.SIGKILL)
    time.sleep(1.0)
    assert world.target.processes("oobnetd") == []
    world.evl_check("net", "-N42")  # starts a new one, which takes over
    assert world.status()["holder"]["program"] == "oob-net-icmp"
    time.sleep(0.3)
    assert pinger.stop() == set()
    world.evl_check("net", "-di", "veth0")
    assert not attached(world)
    assert features(world)["rx-vlan-offload"] == "on"


def test_keeper_killed(world):
    """The port is rebuilt, the responder goes on without being restarted, and the gap is counted."""
    world.enable()
    program = world.responder("-s")
    for _ in range(3):
        before = world.status()
        pinger = Pinger(world)
        time.sleep(0.3)
        [keeper] = world.target.processes("oobkeep")
        os.kill(keeper, signal.SIGKILL)
        time.sleep(2.0)
        lost = pinger.stop()
        after = world.status()
        assert program.poll() is None
        assert lost and len(lost) < 200, f"{len(lost)} lost"  # a second, at one every 5 ms
        assert max(lost) < pinger.sent - 50, "it answers again"
        # From the first that is lost to the last they are one gap, give or take those under way.
        assert max(lost) - min(lost) + 1 <= len(lost) + 8
        dropped = sum(after["drops"].values()) - sum(before["drops"].values())
        assert after["rx_packets"] - before["rx_packets"] == pinger.sent
        assert abs(dropped - len(lost)) <= 8, (dropped, len(lost), after)
        assert after["holder"]["pid"] == program.pid
        assert not frames_missing(after)


def frames_missing(status):
    frames = status["frames"]
    return frames["tx_total"] - frames["tx_free"] > 1 or frames["rx_total"] - frames["rx_home"] > 1


def test_keeper_killed_while_a_program_is_stopped(world):
    """A stopped program cannot let go of its sockets; when it goes on, or has ended, the port is back."""
    world.enable()
    program = world.responder("-s")
    program.send_signal(signal.SIGSTOP)
    [keeper] = world.target.processes("oobkeep")
    os.kill(keeper, signal.SIGKILL)
    time.sleep(2.5)
    program.send_signal(signal.SIGCONT)
    sock = world.issuer.packet_socket("veth1")
    until(lambda: world.evl("net", "-Q", "-i", "veth0", "--json").stdout.find('"pid"') > 0, "it has the port again", 10)
    alive(world, sock, 1)


def test_keeper_and_daemon_killed_ends_the_program(world):
    world.enable()
    program = world.responder("-s")
    for name in ("oobnetd", "oobkeep"):
        [pid] = world.target.processes(name)
        os.kill(pid, signal.SIGKILL)
    assert program.wait(timeout=20) == 6
    assert b"no longer an out-of-band port" in program.stderr.read()


def test_daemon_terminated_leaves_programs_alone(world):
    world.enable()
    world.responder("-s")
    pinger = Pinger(world)
    time.sleep(0.2)
    [daemon] = world.target.processes("oobnetd")
    os.kill(daemon, signal.SIGTERM)
    time.sleep(0.5)
    assert pinger.stop() == set()
    assert attached(world)


def test_nothing_is_left_when_all_have_gone(world):
    world.enable()
    program = world.responder("-s")
    [daemon] = world.target.processes("oobnetd")
    os.kill(daemon, signal.SIGKILL)
    program.kill()
    program.wait()
    # The keeper gives a new daemon ten seconds.
    until(lambda: world.target.processes("oobkeep") == [], "the keeper ends", 15)
    until(lambda: features(world)["rx-vlan-offload"] == "on", "features restored")
    assert not attached(world)


def test_daemon_stopped_in_good_order_restores(world):
    world.enable()
    [daemon] = world.target.processes("oobnetd")
    os.kill(daemon, signal.SIGTERM)
    until(lambda: not attached(world), "detached")
    until(lambda: features(world)["rx-vlan-offload"] == "on", "features restored")
    until(lambda: world.target.processes("oobkeep") == [], "the keeper ends")


def test_daemon_and_keeper_killed_next_one_restores(world):
    world.enable()
    for name in ("oobnetd", "oobkeep"):
        [pid] = world.target.processes(name)
        os.kill(pid, signal.SIGKILL)
    until(lambda: not attached(world), "detached by the kernel")
    assert features(world)["rx-vlan-offload"] == "off"
    world.evl_check("net", "-N43")
    assert features(world)["rx-vlan-offload"] == "on"


def test_keeper_has_few_capabilities(world):
    """CAP_NET_ADMIN 12, NET_RAW 13, IPC_LOCK 14, SYS_NICE 23, BPF 39, and no others, whatever it executes."""
    world.enable()
    [keeper] = world.target.processes("oobkeep")
    status = pathlib.Path(f"/proc/{keeper}/status").read_text()
    wanted = sum(1 << cap for cap in (12, 13, 14, 23, 39))
    for kind in ("CapPrm", "CapEff", "CapBnd"):
        [line] = [line for line in status.splitlines() if line.startswith(kind)]
        assert int(line.split()[1], 16) & ~wanted == 0, line
    for thread in pathlib.Path(f"/proc/{keeper}/task").iterdir():
        assert f"CapEff:\t{wanted:016x}" in (thread / "status").read_text()


def test_idle_daemon_ends(world):
    world.enable()
    world.evl_check("net", "-di", "veth0")
    world.evl_check("net", "-N")
    until(lambda: not world.target.processes("oobnetd") and not world.target.processes("oobkeep"), "both end", 20)


def test_second_daemon_is_refused(world):
    world.enable()
    second = world.target.run(world.prefix / "sbin/oobnetd")
    assert second.returncode == 1 and "another oobnetd" in second.stderr


def test_program_becomes_another(world, tmp_path):
    """exec: the process lives, but what had the port is no more."""
    world.enable()
    compile_program("clang", "-o", tmp_path / "become",
                    pathlib.Path(__file__).resolve().parent / "program/become.c", *library_flags(world.prefix))
    other = world.target.start(tmp_path / "become", "veth0", "sleep", "60")
    world.started.append(other)
    until(lambda: pathlib.Path(f"/proc/{other.pid}/comm").read_text() == "sleep\n", "it has become sleep")
    until(lambda: world.status()["holder"] is None, "its claim is given up")
    world.responder("-s")
    alive(world, world.issuer.packet_socket("veth1"), 1)
    until(lambda: frames_are_home(world), "its frames are back")
    assert other.poll() is None


def test_port_disabled_under_the_program(world):
    world.enable()
    program = world.responder("-s")
    sock = world.issuer.packet_socket("veth1")
    alive(world, sock, 1)
    world.evl_check("net", "-di", "veth0")
    assert program.wait(timeout=5) == 6
    assert b"veth0 is no longer an out-of-band port: Network is down" in program.stderr.read()
    world.enable()
    world.responder("-s")
    alive(world, sock, 2)


def test_enabling_with_another_id_is_refused(world):
    """It is a port already: as in EVL nothing changes, but nobody is told that it did."""
    world.enable()
    for dry in ((), ("--dry-run",)):
        done = world.evl("net", "-e", *dry, "-i", "veth0", "--vid", "43")
        assert done.returncode == 1 and "veth0 is the port of VLAN 42 already" in done.stderr
    world.evl_check("net", "-ei", "veth0", "--vid", "42")
    world.evl_check("net", "-ei", "veth0")
    assert world.status()["vid"] == 42


def test_device_down_disables(world):
    world.enable()
    program = world.responder("-s")
    world.target.check("ip", "link", "set", "veth0", "down")
    assert program.wait(timeout=5) == 6
    until(lambda: not attached(world), "detached")
    world.target.check("ip", "link", "set", "veth0", "up")
    assert features(world)["rx-vlan-offload"] == "on"


def test_device_removed(world):
    world.enable()
    program = world.responder("-s")
    world.target.check("ip", "link", "del", "veth0")
    assert program.wait(timeout=5) == 6
    assert world.evl("net", "-Q", "-i", "veth0").returncode == 1
    assert len(world.target.processes("oobnetd")) == 1


def test_link_lost_and_found(world):
    """A carrier that goes and comes back takes nothing with it: the port stays, the program goes on."""
    world.enable()
    program = world.responder("-s")
    sock = world.issuer.packet_socket("veth1")
    for seq in range(3):
        world.issuer.check("ip", "link", "set", "veth1", "down")
        time.sleep(0.2)
        assert "NO-CARRIER" in world.target.check("ip", "link", "show", "veth0")
        world.issuer.check("ip", "link", "set", "veth1", "up")
        sock = world.issuer.packet_socket("veth1")
        alive(world, sock, seq)
    assert program.poll() is None
    assert frames_are_home(world)


def test_every_receive_queue(tree):
    """Frames arrive on whatever queue the sender's side chooses: each has a socket of the program's."""
    with_queues = World(tree, queues=4)
    try:
        with_queues.enable()
        assert [q["queue"] for q in with_queues.status()["queues"]] == [0, 1, 2, 3]
        with_queues.responder("-s")
        sock = with_queues.issuer.packet_socket("veth1")
        every_cpu = (1 << os.cpu_count()) - 1
        for queue in range(4):
            for other in range(4):  # every CPU sends on this queue (XPS)
                with_queues.issuer.check("sh", "-c", f"echo {every_cpu if other == queue else 0:x} "
                                         f">/sys/class/net/veth1/queues/tx-{other}/xps_cpus")
            for n in range(8):
                expect_reply(with_queues, sock, with_queues.request(seq=8 * queue + n))
        status = with_queues.status()
        assert [q["diverted"] for q in status["queues"]] == [8, 8, 8, 8] and status["rx_packets"] == 32
    finally:
        with_queues.close()


def test_flood(world):
    """20,000 requests, as fast as they can be sent: what is not answered is counted."""
    world.enable()
    world.responder("-s")
    listener = world.issuer.packet_socket("veth1")
    sender = world.issuer.packet_socket("veth1", receive=False)
    replies = 0
    for seq in range(20_000):
        sender.send(world.request(seq=seq & 0xffff))
        if seq % 64 == 63:  # what a window of the page's `ping -f` would do
            while receive_tagged(listener, 0.0005):
                replies += 1
    while receive_tagged(listener, 0.5):
        replies += 1
    status = world.status()
    counted = status["rx_packets"] - status["tx_packets"]
    drops = sum(status["drops"].values())
    assert status["rx_packets"] == 20_000
    assert replies == status["tx_packets"]
    assert counted == drops, status


def test_expect_reply_can_fail(world):
    """The check itself: without a program nothing is answered."""
    world.enable()
    with pytest.raises(AssertionError, match="no answer"):
        expect_reply(world, world.issuer.packet_socket("veth1"), world.request(), timeout=0.5)
