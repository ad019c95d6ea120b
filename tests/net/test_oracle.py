# SPDX-License-Identifier: MIT
"""Hostile frames over veth: the responder replies as the kernel of this machine does, but for a written list.

The kernel here need not have VLAN devices, so it gets the frames without their tag: tests/lab/test_oracle.py has the
same with tags, on Debian's kernel."""

import dataclasses
import json
import os
import pathlib
import re
import signal
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lab"))

from oracle import compare, frames, run, target  # noqa: E402

WINDOW = 32
# Not to be seen over veth: frames above the MTU, for which both ends of veth would need another one.
ELSEWHERE = {"no packets above the MTU"}
# The kernel answers these by the other interface, which is not on this wire.
ELSEWHERE_SOURCES = ("neighbour on another interface", "broadcast of another interface")


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    return run.build(tmp_path_factory.mktemp("replay"))


class Oracle:
    def __init__(self, world, program, directory):
        self.world, self.program, self.directory = world, program, directory
        self.who = frames.Addresses(world.target_mac, world.issuer_mac)
        target_ns = world.target
        target_ns.check("ip", "link", "add", "veth2", "type", "veth", "peer", "name", "veth3")
        for dev in ("veth2", "veth3"):
            target_ns.check("ip", "link", "set", dev, "up")
        target_ns.check("ip", "addr", "add", f"{self.who.other}/24", "brd", "+", "dev", "veth2")
        target_ns.check(*target.settings("veth0", "veth2"))
        target_ns.check("ip", "-batch", "-", input=target.neighbours(self.who, "veth0", "veth2"))
        target_ns.check(*target.default_route(self.who, "veth0"))

    def replay(self, sent, tagged):
        source, replies = self.directory / "frames", self.directory / "replies"
        source.write_bytes(frames.write(self.who, sent, tagged))
        done = json.loads(self.world.issuer.check(self.program, "veth1", source, replies, WINDOW, timeout=300))
        assert done["sent"] == done["answered"] == len(sent) and done["dropped"] == 0, done
        return compare.read(replies.read_bytes(), len(sent), tagged)


@pytest.fixture
def oracle(world, program, tmp_path):
    return Oracle(world, program, tmp_path)


def test_the_kernel_is_the_oracle(oracle):
    world, who = oracle.world, oracle.who
    sent = [f for f in frames.structured(who, jumbo=False) + frames.mutated(who) 
            if f.diverted and not f.name.endswith(ELSEWHERE_SOURCES)]
    world.enable()
    program = world.responder("-s")
    # Sent from two CPUs in turn its replies would overtake each other in veth, and no longer tell what they answer.
    os.sched_setaffinity(program.pid, {min(os.sched_getaffinity(0))})
    responder = oracle.replay(sent, tagged=True)
    status = world.status()
    program.send_signal(signal.SIGINT)
    out = program.communicate(timeout=10)[0].decode()
    assert program.returncode == 0

    # Each frame, and each sentinel, was seen by the program; none was dropped on the way.
    assert status["rx_packets"] == 2 * len(sent)
    answered = int(re.search(r"(\d+) echo requests answered", out)[1])
    refused = sum(int(n) for n in re.findall(r"^(\d+) refused: ", out, re.M))
    assert answered + refused == 2 * len(sent)
    assert answered == len(sent) + sum(map(len, responder))

    world.evl_check("net", "-di", "veth0")
    inband = oracle.replay(sent, tagged=False)
    seen, faults = compare.compare(sent, who, responder, inband)
    assert not faults, compare.shown(faults)
    assert sum(map(bool, responder)) > 10_000 and sum(not r for r in responder) > 10_000
    assert set(seen) == set(compare.RULES) - ELSEWHERE, seen

    # The comparison itself can fail: one reply too few, one too many, one bit.
    first = next(n for n, replies in enumerate(responder) if replies)
    reply = responder[first][0]
    for wrong in ([], [reply, reply], [dataclasses.replace(reply, tos=reply.tos ^ 1)]):
        tampered = responder[:first] + [wrong] + responder[first + 1:]
        assert len(compare.compare(sent, who, tampered, inband)[1]) == 1
