# SPDX-License-Identifier: MIT
"""evl net with oobnetd: real ports on a veth pair, in namespaces of their own."""

import json
import os
import re
import subprocess
import sys
import textwrap

import pytest

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="namespaces and ports need root")

NOBODY = 65534

BLOCK = """\
oob capability: (yes|no)
    rx packets: (\\d+)
      rx bytes: (\\d+)
    tx packets: (\\d+)
      tx bytes: (\\d+)
      skb size: (\\d+)
      skb free: (\\d+ / \\d+)
   csum errors: (\\d+)
      rx nomem: (\\d+)
      tx nomem: (\\d+)
"""

# Sends untagged or tagged frames of a given length, tag included: SEND IF TAG ETHERTYPE LENGTH COUNT
SEND = textwrap.dedent("""\
    import socket, struct, sys
    name, tag, ethertype, length, count = sys.argv[1], *(int(a, 0) for a in sys.argv[2:])
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    s.bind((name, 0))
    head = b"\\xff" * 6 + b"\\x02" + b"\\0" * 5
    if tag:
        head += struct.pack("!HH", 0x8100, tag)
    head += struct.pack("!H", ethertype)
    for n in range(count):
        s.send(head.ljust(length, b"\\0"))
    """)


class Machine:
    """Namespaces with an empty /run and a veth pair, eth0 and eth1. Its end ends all that ran in it."""

    def __init__(self, evl):
        self.evl = evl
        setup = ("mount -t tmpfs tmpfs /run && ip link set lo up && "
                 "echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6 && "
                 "ip link add eth0 type veth peer name eth1 && ip link set eth0 up && "
                 "ip link set eth1 up && echo ready && exec sleep infinity")
        self.unshare = subprocess.Popen(
            ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc",
             "sh", "-c", setup], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        assert self.unshare.stdout.readline() == "ready\n"
        children = f"/proc/{self.unshare.pid}/task/{self.unshare.pid}/children"
        with open(children) as f:
            self.pid = int(f.read().split()[0])

    def end(self):
        self.unshare.kill()
        self.unshare.wait(timeout=10)
        self.unshare.stdout.close()

    def run(self, *argv):
        return subprocess.run(["nsenter", "-t", str(self.pid), "-m", "-n", "-p", *map(str, argv)],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)

    def must(self, *argv):
        done = self.run(*argv)
        assert done.returncode == 0, f"{argv}: {done.stdout}{done.stderr}"
        return done.stdout

    def net(self, *args, user=None):
        as_user = ["setpriv", f"--reuid={user}", "--clear-groups"] if user else []
        return self.run(*as_user, self.evl, "net", *args)

    def ok(self, *args):
        done = self.net(*args)
        assert (done.returncode, done.stderr) == (0, ""), f"{args}: {done}"
        return done.stdout

    def refused(self, *args, user=None):
        done = self.net(*args, user=user)
        assert (done.returncode, done.stdout) == (1, ""), f"{args}: {done}"
        return done.stderr

    def send(self, *args):
        self.must(sys.executable, "-c", SEND, *args)

    def offloads(self):
        return {line.split()[0]: line.split()[1]
                for line in self.must("ethtool", "-k", "eth0").splitlines()[1:]}

    def pids(self, program):
        return [int(pid) for pid in self.run("pgrep", "-x", program).stdout.split()]


@pytest.fixture
def machine(tree):
    machine = Machine(next(tree.rglob("bin/evl")))
    yield machine
    machine.end()


@pytest.fixture
def port(machine):
    machine.ok("-ei", "eth0", "--vid", "42")
    machine.ok("-N42")
    return machine


def test_enable_starts_the_daemon_and_lists_the_port(machine):
    assert machine.pids("oobnetd") == []
    assert machine.ok("-ei", "eth0", "--vid", "42") == ""
    assert len(machine.pids("oobnetd")) == 1
    lines = machine.ok().splitlines()
    assert lines[0].split() == ["PORT", "REAL", "VID", "MODE", "HOLDER", "RX", "TX"]
    assert lines[1].split() == ["eth0", "eth0", "42!", "native,copy", "-", "0", "0"]
    assert lines[-1] == "monitored VLANs: none"
    machine.ok("-N42")
    lines = machine.ok().splitlines()
    assert lines[1].split()[2] == "42"
    assert lines[2:] == ["monitored VLANs: 42"]


def test_enabling_again_changes_nothing(port):
    before = json.loads(port.ok("--json"))
    assert port.ok("-ei", "eth0", "--vid", "42", "-b", "4096") == ""
    assert json.loads(port.ok("--json")) == before


def test_real_device_down(machine):
    machine.must("ip", "link", "set", "eth0", "down")
    assert machine.refused("-ei", "eth0", "--vid", "42") == (
        "evl-net: cannot enable out-of-band port on eth0: Network is down\n"
        "eth0 is down: ip link set eth0 up\n")
    assert machine.ok().startswith("no out-of-band ports\n")


@pytest.mark.parametrize("args", [("-ei", "nosuch", "--vid", "42"), ("-ei", "eth0"),
                                  ("-ei", "eth0", "--vid", "42", "-b", "4097"),
                                  ("-ei", "eth0", "--vid", "42", "-p", "32769")])
def test_refused_in_words(machine, args):
    first, why = machine.refused(*args).splitlines()
    assert re.fullmatch(rf"evl-net: cannot enable out-of-band port on {args[1]}: [A-Z].*", first)
    assert len(why.split()) > 3
    assert machine.ok().startswith("no out-of-band ports\n")


@pytest.mark.parametrize("asked, given", [("0", "2048"), ("1", "2048"), ("2048", "2048"),
                                          ("2049", "4096"), ("4096", "4096")])
def test_buffer_size_is_rounded_up(machine, asked, given):
    machine.ok("-ei", "eth0", "--vid", "42", "-b", asked)
    assert machine.ok("-Qs", "-i", "eth0") == given + "\n"


def test_query_layout(port):
    text = port.ok("-Q", "-i", "eth0")
    found = re.match(BLOCK, text)
    assert found, text
    values = found.groups()
    letters = port.ok("-QoRrTtscx", "-i", "eth0").split()
    assert letters == [*values[:6], *values[7:]]
    free, total = values[6].split(" / ")
    assert port.ok("-Qfa", "-i", "eth0") == f"{free} {total}\n"
    rest = text[found.end():]
    assert values[0] == "no" and "lacks: zero-copy: " in rest
    assert re.search(r"^ +mode: native, copy$", rest, re.M)
    assert re.search(r"^ +holder: none$", rest, re.M)
    assert re.search(r"^ +XDP program: id [1-9]\d*$", rest, re.M)


def test_counts_are_exact(port):
    port.send("eth1", 42, 0x0800, 104, 5)	# ours
    port.send("eth1", 43, 0x0800, 104, 3)	# another VLAN
    port.send("eth1", 42, 0x0806, 64, 2)	# ARP
    port.send("eth1", 0, 0x0800, 104, 4)	# untagged
    assert port.ok("-QRr", "-i", "eth0") == "5 500\n"
    state = json.loads(port.ok("-Q", "-i", "eth0", "--json"))["port"]
    assert (state["rx_packets"], state["rx_bytes"]) == (5, 500)
    assert {name: n for name, n in state["drops"].items() if n} == {"nobody": 5}
    assert sum(queue["diverted"] for queue in state["queues"]) == 5
    assert sum(queue["passed"] for queue in state["queues"]) >= 9
    assert " 5 received, no program claims the port\n" in port.ok("-Q", "-i", "eth0")


def test_what_is_not_monitored_is_not_counted(port):
    port.ok("-N43")
    port.send("eth1", 42, 0x0800, 104, 5)
    assert port.ok("-QR", "-i", "eth0") == "0\n"
    assert "monitored: no, VLAN 42 is not in the set" in port.ok("-Q", "-i", "eth0")


def test_list_replaces_the_set_and_a_bad_one_leaves_it(port):
    assert port.ok("-N42-45,100 107") == ""
    assert port.ok("-n") == "42-45,100,107\n"
    for bad in ("-N0", "-N7-4095", "-Njunk", "-N7,9-8", "-N4096"):
        port.refused(bad)
        assert port.ok("-n") == "42-45,100,107\n"
    assert port.ok("-N7", "-n") == "7\n"
    assert json.loads(port.ok("-n", "--json")) == {"vlan_ids": [7], "vlan_list": "7"}
    assert port.ok("-nN") == "VLAN filter cleared\n"
    assert port.ok("-n") == ""


def test_disable_comes_before_enable(port):
    port.send("eth1", 42, 0x0800, 104, 1)
    assert port.ok("-edi", "eth0", "--vid", "43", "-Qs") == "2048\n"
    assert [p["vid"] for p in json.loads(port.ok("--json"))["ports"]] == [43]


def test_ordinary_user_looks_and_changes_nothing(port):
    before = port.ok("--json")
    assert port.net("--json", user=NOBODY).stdout == before
    assert port.net("-QR", "-i", "eth0", user=NOBODY).stdout == "0\n"
    for args in (("-di", "eth0"), ("-ei", "eth1", "--vid", "42"), ("-N7",), ("-N",)):
        assert ": Operation not permitted\nonly root may " in port.refused(*args, user=NOBODY)
    assert port.ok("--json") == before


def test_not_a_port(port):
    for option, verb in (("-Q", "query"), ("-d", "disable")):
        assert port.refused(option, "-i", "eth1").startswith(
            f"evl-net: cannot {verb} out-of-band port on eth1: Invalid argument\n"
            "eth1 is not an out-of-band port")


def test_disable_restores_offloads(machine):
    before = machine.offloads()
    assert before["rx-vlan-offload:"] == "on"
    machine.ok("-ei", "eth0", "--vid", "42")
    assert machine.offloads()["rx-vlan-offload:"] == "off"
    assert "offloads off: rx-vlan-offload\n" in machine.ok("-Q", "-i", "eth0")
    machine.ok("-di", "eth0")
    assert machine.offloads() == before
    assert "xdp" not in machine.must("ip", "link", "show", "eth0")


def test_the_next_command_takes_over_from_a_killed_daemon(port):
    before = port.offloads()
    daemon, = port.pids("oobnetd")
    keeper, = port.pids("oobkeep")
    port.send("eth1", 42, 0x0800, 104, 3)
    port.must("kill", "-9", daemon)
    port.send("eth1", 42, 0x0800, 104, 4)
    assert port.refused("-QR", "-i", "eth0", user=NOBODY).endswith(
        "oobnetd is not running, and only root can start it\n")
    assert port.ok("-QR", "-i", "eth0") == "7\n"
    assert port.pids("oobkeep") == [keeper]
    assert port.ok("-n") == "42\n"
    assert port.offloads() == before
    port.ok("-di", "eth0")
    assert port.offloads()["rx-vlan-offload:"] == "on"
