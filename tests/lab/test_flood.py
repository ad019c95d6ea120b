# SPDX-License-Identifier: MIT
"""Floods by ping itself, beside in-band floods through the same card; and a pipe that nobody reads."""

import json
import re
import signal
import time

import pytest
from pairs import CLOUD, RT_E1000, on_pairs

TARGET, ISSUER = "10.10.10.11", "10.10.10.10"
TARGET_UNTAGGED, ISSUER_UNTAGGED = "192.168.77.1", "192.168.77.2"
RESPONDER = "/usr/evl/tidbits/oob-net-icmp"
# Emulated, and with two floods, e1000 takes some milliseconds for a packet.
PINGS = {"virtio": 20_000, "e1000": 2_000}
UNREAD = 1500  # requests; more than a pipe and all buffers before it hold lines of answers


both_cards = on_pairs(CLOUD, RT_E1000)
one_card = on_pairs(CLOUD)


def pinged(result):
    """(transmitted, received, duplicates) of a ping."""
    sent, received = re.search(r"(\d+) packets transmitted, (\d+) received", result.text).groups()
    duplicates = re.search(r"\+(\d+) duplicates", result.text)
    return int(sent), int(received), int(duplicates[1]) if duplicates else 0


def status(lab):
    return json.loads(lab.target.check("evl net -Q -i eth0.42 --json").text)["port"]


def receive_drops(port):
    return sum(n for name, n in port["drops"].items() if not name.startswith("tx_"))


def link_drops(lab):
    """What both machines lost elsewhere than in the port, as `ip -s link` and `tc -s qdisc` show it."""
    lost = 0
    for machine in lab.machines.values():
        stats = json.loads(machine.check("ip -s -s -j link show eth0").text)[0]["stats64"]
        lost += sum(n for way in stats.values() for name, n in way.items() if name.endswith(("errors", "dropped")))
        lost += sum(q["drops"] for q in json.loads(machine.check("tc -s -j qdisc show dev eth0").text))
    return lost


def until(condition, what, timeout=20.0):
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, f"not within {timeout} s: {what}"
        time.sleep(0.2)


def frames_are_home(lab):
    frames = status(lab)["frames"]
    return frames["tx_free"] == frames["tx_total"] and frames["rx_home"] == frames["rx_total"]


@pytest.fixture(scope="module")
def wired(lab):
    lab.up(lab.target, addr=f"{TARGET_UNTAGGED}/24")
    lab.up(lab.issuer, addr=f"{ISSUER_UNTAGGED}/24")
    lab.vlan_up(lab.target, vid=42, addr=f"{TARGET}/24")
    lab.vlan_up(lab.issuer, vid=42, addr=f"{ISSUER}/24")
    lab.reachable(lab.issuer, TARGET)
    return lab


@pytest.fixture
def port(wired):
    wired.target.check("evl net -ei eth0.42 && evl net -N42")
    yield wired
    wired.target.run("evl net -di eth0.42; evl net -N")


@both_cards
def test_flood(port):
    """Out-of-band and, beside it through the same card, in-band."""
    lab, count = port, PINGS[port.card]
    responder = lab.target.start(f"exec {RESPONDER} -s -i eth0.42")
    responder.wait_output("listening to interface eth0.42\n", 20)
    lab.reachable(lab.issuer, TARGET)
    before, links_before = status(lab), link_drops(lab)

    inband = lab.issuer.start(f"exec ping -f -q -c 1000000 {TARGET_UNTAGGED}")
    flood = pinged(lab.issuer.check(["ping", "-f", "-q", "-c", str(count), TARGET], timeout=240))
    # The in-band flood went on all the time, and was answered.
    assert inband.running()
    inband.kill(signal.SIGINT)
    inband_answers = pinged(inband.wait(30))[1]

    after, links = status(lab), link_drops(lab) - links_before
    came, answered = (after[key] - before[key] for key in ("rx_packets", "tx_packets"))
    dropped = receive_drops(after) - receive_drops(before)
    sent, received, duplicates = flood
    assert sent == count and duplicates == 0 and inband_answers > 0
    # Every packet is in one of the counts: dropped by a card or a queue before it, by the port, or answered.
    assert came == answered + dropped, after
    assert 0 <= sent - came <= links and 0 <= answered - received <= links, (flood, came, answered, links)
    responder.kill(signal.SIGINT)
    ended = responder.wait(10)
    assert ended.status == 0 and "could not be sent" not in ended.text
    until(lambda: frames_are_home(lab), "every frame is back")


@one_card
def test_verbose_into_a_pipe_that_nobody_reads(port):
    """The program blocks, and the machine goes on without it; when the pipe is read, the answers come."""
    lab = port
    # Kept open, and not read, by a process of its own.
    lab.target.check("rm -f /tmp/pipe && mkfifo /tmp/pipe")
    holder = lab.target.start("exec sleep 1000 3<>/tmp/pipe")
    responder = lab.target.start(f"exec {RESPONDER} -i eth0.42 >/tmp/pipe")
    until(lambda: status(lab)["holder"], "the program has the port")
    lab.reachable(lab.issuer, TARGET)
    before = status(lab)
    flood = pinged(lab.issuer.check(["ping", "-f", "-q", "-c", str(UNREAD), TARGET], timeout=240))
    assert flood[0] == UNREAD and 0 < flood[1] < UNREAD
    blocked = status(lab)
    assert blocked["tx_packets"] - before["tx_packets"] == flood[1]
    assert lab.issuer.run(["ping", "-c", "2", "-i", "0.2", "-W", "1", TARGET]).status == 1
    assert responder.running() and status(lab)["holder"] == before["holder"]
    # In-band, and the commands, do not notice.
    lab.issuer.check(["ping", "-c", "10", "-i", "0.05", TARGET_UNTAGGED])

    reader = lab.target.start("exec cat /tmp/pipe")
    lab.reachable(lab.issuer, TARGET)
    assert pinged(lab.issuer.check(["ping", "-c", "50", "-i", "0.02", TARGET])) == (50, 50, 0)
    responder.kill(signal.SIGINT)
    assert responder.wait(20).status == 0
    reader.wait_output("echo requests answered", 20)
    numbers = [int(n) for n in re.findall(rb"^\[(\d+)\] count=", reader.output(), re.M)]
    after = status(lab)
    # A port that is enabled anew counts from 0; no line, and no answer, is missing.
    assert numbers == list(range(after["tx_packets"]))
    assert after["rx_packets"] == after["tx_packets"] + receive_drops(after), after
    for job in (holder, reader):
        job.kill(signal.SIGKILL)
    until(lambda: frames_are_home(lab), "every frame is back")
