# SPDX-License-Identifier: MIT
"""Floods over veth: beside in-band traffic, and into a pipe that nobody reads."""

import json
import os
import pathlib
import re
import signal
import sys
import threading
import time

import pytest
from test_echo import alive
from test_life import frames_are_home, until
from world import receive_tagged

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lab"))

from oracle import compare, frames, run  # noqa: E402

PINGS = 20_000
WINDOW = 32
BATCH = 32  # frames; less than a socket's queue
MANY = 100_000  # requests; long before, every buffer on the way to a reader is full
QUIET = 0.5  # seconds without an answer


@pytest.fixture
def ready(world):
    world.enable()
    return world


def receive_drops(status):
    return sum(n for name, n in status["drops"].items() if not name.startswith("tx_"))


def test_beside_an_in_band_flood(ready, tmp_path):
    """Both are answered to the last packet."""
    world = ready
    who = frames.Addresses(world.target_mac, world.issuer_mac)
    world.issuer.check("ip", "addr", "add", f"{world.ISSUER}/24", "dev", "veth1")
    program = world.responder("-s")
    os.sched_setaffinity(program.pid, {min(os.sched_getaffinity(0))})  # as in test_oracle.py
    sent = [frames.Frame("request", world.request(seq=n & 0xffff)) for n in range(PINGS)]
    (tmp_path / "frames").write_bytes(frames.write(who, sent))

    ping = world.issuer.start("ping", "-f", "-q", "-c", str(PINGS), world.TARGET, stdout=-1, text=True)
    try:
        done = json.loads(world.issuer.check(run.build(tmp_path), "veth1", tmp_path / "frames", tmp_path / "replies",
                                             WINDOW, timeout=120))
        out = ping.communicate(timeout=120)[0]
    finally:
        ping.kill()
        ping.wait()
    assert done["answered"] == PINGS and done["dropped"] == 0
    # The in-band replies are there, too: they have no tag.
    replies = compare.read((tmp_path / "replies").read_bytes(), PINGS + 1)
    assert sum(r.tag == world.VID for each in replies for r in each) == PINGS
    assert f" {PINGS} received, 0% packet loss" in out, out
    status = world.status()
    assert status["rx_packets"] == status["tx_packets"] == 2 * PINGS and receive_drops(status) == 0


def flood_until_silent(world, listener, sender):
    """Sends requests as long as they are answered; returns how many were sent and answered."""
    sent = answered = 0
    while sent < MANY:
        for _ in range(BATCH):
            sender.send(world.request(seq=sent & 0xffff))
            sent += 1
        if not receive_tagged(listener, QUIET):
            return sent, answered
        answered += 1
        while answered < sent and receive_tagged(listener, QUIET):
            answered += 1
    raise AssertionError(f"still answering after {sent} requests")


def test_verbose_into_a_pipe_that_nobody_reads(ready):
    """It blocks, with everything else at rest; it goes on when the pipe is read, and no line is missing."""
    world = ready
    program = world.responder()
    listener = world.issuer.packet_socket("veth1")
    sender = world.issuer.packet_socket("veth1", receive=False)
    sent, answered = flood_until_silent(world, listener, sender)
    assert answered < sent

    # Blocked: alive, holding the port; what does not fit its queue is counted.
    for _ in range(500):
        sender.send(world.request(seq=sent & 0xffff))
        sent += 1
    assert receive_tagged(listener, QUIET) is None
    assert program.poll() is None
    status = world.status()
    assert status["holder"]["pid"] == program.pid
    assert status["rx_packets"] == sent and status["tx_packets"] == answered
    assert receive_drops(status) < sent - answered

    lines = []
    reader = threading.Thread(target=lambda: lines.extend(program.stdout))
    reader.start()
    while receive_tagged(listener, QUIET):
        answered += 1
    # What the queue had no room for is counted when the program takes it from the ring.
    status = world.status()
    assert status["tx_packets"] == answered and answered + receive_drops(status) == sent
    assert receive_drops(status) > 0
    alive(world, listener, 1)
    time.sleep(QUIET)
    program.send_signal(signal.SIGINT)
    assert program.wait(timeout=5) == 0
    reader.join(timeout=5)
    numbers = [int(re.match(rb"\[(\d+)\] count=", line)[1]) for line in lines if line.startswith(b"[")]
    assert numbers == list(range(answered + 1))
    until(lambda: frames_are_home(world), "every frame is back")
