# SPDX-License-Identifier: MIT
"""Hostile frames to the responder and, with the port disabled, to the kernel of the same machine: the same replies,
but for the list in doc/echo-differences.md."""

import json
import re
import signal

import pytest
from oracle import compare, frames, run, target
from pairs import CLOUD, on_pairs

# The whole on one pair; Debian's PREEMPT_RT kernel has the same code.
on_one_pair = on_pairs(CLOUD)

RESPONDER = "/usr/evl/tidbits/oob-net-icmp"
WINDOW = 32
MUTATIONS, SEED = 30_000, 20260143  # 100,000 other ones are in tests/net/test_oracle.py, where time goes faster
REPLAY_TIMEOUT = 300  # seconds


def mac(machine):
    text = machine.check(["cat", "/sys/class/net/eth0/address"]).text
    return bytes.fromhex(text.strip().replace(":", ""))


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    return run.build(tmp_path_factory.mktemp("replay"))


class Oracle:
    def __init__(self, lab, program):
        self.lab = lab
        self.who = frames.Addresses(mac(lab.target), mac(lab.issuer))
        machine = lab.target
        lab.up(machine, addr=f"{self.who.other}/24")
        lab.vlan_up(machine, vid=frames.VID, addr=f"{self.who.target}/24")
        # The issuer has no address: its kernel says nothing.
        lab.issuer.check(["ip", "link", "set", "eth0", "mtu", str(frames.JUMBO_MTU)])
        lab.issuer.check("echo 1 >/proc/sys/net/ipv6/conf/eth0/disable_ipv6")
        lab.up(lab.issuer)
        lab.issuer.put(program, "/tmp/replay")
        machine.check(target.settings("eth0", "eth0.42"))
        done = machine.run(["ip", "-batch", "-"], stdin=target.neighbours(self.who, "eth0.42", "eth0").encode())
        assert done.status == 0, done.errtext
        self.route(True)

    def route(self, there):
        command = target.default_route(self.who, "eth0.42") if there else ["ip", "route", "del", "default"]
        self.lab.target.check(command)

    def replay(self, sent):
        issuer = self.lab.issuer
        issuer.write_file("/tmp/frames", frames.write(self.who, sent))
        done = json.loads(issuer.check(["/tmp/replay", "eth0", "/tmp/frames", "/tmp/replies", str(WINDOW)],
                                       REPLAY_TIMEOUT).text)
        assert done["sent"] == done["answered"] == len(sent) and done["dropped"] == 0, done
        return compare.read(issuer.read_file("/tmp/replies"), len(sent))

    def respond(self, sent):
        """The replies with the port enabled, the responder's last words, and the port's status."""
        machine = self.lab.target
        machine.check("evl net -ei eth0.42 && evl net -N42")
        responder = machine.start(f"exec {RESPONDER} -s -i eth0.42")
        responder.wait_output("listening to interface eth0.42\n", 20)
        replies = self.replay(sent)
        status = json.loads(machine.check("evl net -Q -i eth0.42 --json").text)["port"]
        responder.kill(signal.SIGINT)
        ended = responder.wait(10)
        assert ended.status == 0, ended.errtext
        machine.check("evl net -di eth0.42")
        return replies, ended.text, status


@pytest.fixture(scope="module")
def oracle(lab, program):
    return Oracle(lab, program)


def counted(words):
    """Frames that the responder answered, refused, and had a reply for that is too long for the interface."""
    return sum(int(n) for n in re.findall(r"^(?:--- eth0.42: )?(\d+) (?:echo|refused: |replies)", words, re.M))


def test_every_difference_is_described():
    assert compare.documented() == set(compare.RULES) | {compare.NO_ROUTE}


@on_one_pair
def test_the_kernel_is_the_oracle(oracle):
    sent = frames.structured(oracle.who, jumbo=True) + frames.mutated(oracle.who, MUTATIONS, SEED)
    responder, words, status = oracle.respond(sent)
    inband = oracle.replay(sent)

    seen, faults = compare.compare(sent, oracle.who, responder, inband)
    assert not faults, compare.shown(faults)
    assert set(seen) == set(compare.RULES), seen
    # Both have something to say, and nothing was lost on the way that is not counted.
    assert sum(map(bool, responder)) > 4000 and sum(not r for r in responder) > 4000
    dropped = sum(n for name, n in status["drops"].items() if not name.startswith("tx_"))
    assert counted(words) == status["rx_packets"] - dropped


@on_one_pair
def test_source_without_a_route(oracle):
    """The responder answers to where the request came from; the kernel only to where it has a route."""
    sent = frames.from_sources(oracle.who)
    responder, _, _ = oracle.respond(sent)
    inband = oracle.replay(sent)
    oracle.route(False)
    without = oracle.replay(sent)
    oracle.route(True)

    _, faults = compare.compare(sent, oracle.who, responder, inband)
    assert not faults, compare.shown(faults)
    silent = {f.name for f, with_route, none in zip(sent, inband, without, strict=True) if with_route and not none}
    assert silent == {f"source: {name}" for name in (
        "far", "class E", "class E, last", "link-local", "this network")}
