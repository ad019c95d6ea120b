#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Programs killed and stopped after any instruction of the data path: no frame is missing, the next one works at once.

As a test, around every change of what a program shares with others. After every single instruction (an hour or so):
tests/net/test_step.py --tree DIR --all
"""

import argparse
import os
import pathlib
import re
import signal
import struct
import subprocess
import tempfile
import threading
import time

import pytest
from programs import HERE, ROOT, compile_program, is_sanitized, library_flags
from test_life import Pinger, frames_are_home, until
from world import World

STOPPED_SECONDS = 10
BURST = "20"  # more than the library takes out of a ring at once
PATHS = {
    "a packet comes while it sleeps": [],
    "packets are there": ["-b", BURST],
    "no frame to send with": ["-b", "1", "-k"],
    "stopped first": ["-S"],
}
FEWEST_STATES = 9  # receive 2, return 2, take 2, send 3: see the order of steps in bpf/layout.h


class Witness:
    """A program on the same device; every frame that it sends has to arrive."""

    def __init__(self, world, program):
        self.seen = []
        self.sock = world.issuer.packet_socket("veth1")
        self.sock.settimeout(0.2)
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self._listen)
        self.thread.start()
        self.program = world.target.start(program, "veth0", world.issuer_mac.hex(), world.target_mac.hex(),
                                          stderr=subprocess.PIPE)
        world.started.append(self.program)

    def _listen(self):
        while not self.stopping.is_set():
            try:
                data = self.sock.recv(2048)
            except TimeoutError:
                continue
            if data[14:22] == b"witness\0":
                self.seen.append(struct.unpack_from("=I", data, 22)[0])

    def stop(self):
        assert self.program.poll() is None, self.program.stderr.read()
        self.stopping.set()
        self.thread.join()
        assert len(self.seen) > 10 and self.seen == list(range(self.seen[0], self.seen[0] + len(self.seen)))


def build(prefix, where):
    library = library_flags(prefix)
    for name in ("echo", "witness"):
        compile_program("clang" if is_sanitized(prefix) else "gcc", "-O2", "-std=gnu11", "-o", where / name,
                        HERE / f"step/{name}.c", *library)
    compile_program("gcc", "-O2", "-std=gnu11", "-D_GNU_SOURCE", f"-I{ROOT}", "-o", where / "step",
                    *(HERE / f"step/{name}.c" for name in ("step", "tracee", "outside")))


def step(world, where, options):
    """Runs the stepper beside a witness; its figures by name."""
    world.evl_check("net", "-ei", "veth0", "--vid", str(world.VID), "-p", "128")
    world.evl_check("net", f"-N{world.VID}")
    build(world.prefix, where)
    witness = Witness(world, where / "witness")
    issuer = world.issuer.packet_socket("veth1")
    program = [where / "echo", "veth0"]
    if "-k" in options:
        [keeper] = world.target.processes("oobkeep")
        options = [*options, str(keeper)]
        program.append("empty")
    command = [where / "step", "-i", "veth0", "-f", issuer.fileno(), "-t", world.target_mac.hex(), "-s",
               world.issuer_mac.hex(), "-v", world.VID, *options, "--", *program]
    done = subprocess.run(world.target.enter + [str(c) for c in command], pass_fds=[issuer.fileno()], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    print(done.stdout + done.stderr, end="")
    witness.stop()
    assert done.returncode == 0, done.stderr
    until(lambda: frames_are_home(world), "frames are home")
    return {name: int(value) for name, value in re.findall(r"([a-z-]+)=(\d+)", done.stdout)}


@pytest.mark.parametrize("path", PATHS)
def test_killed_anywhere(world, tmp_path, path):
    figures = step(world, tmp_path, PATHS[path])
    assert figures["states"] >= FEWEST_STATES
    assert figures["kills"] > figures["states"] and figures["ended-early"] <= figures["kills"] // 4
    assert figures["missing"] == figures["bad"] == 0


def test_daemon_stopped_loses_no_echo(world):
    world.enable()
    world.responder("-s")
    [daemon] = world.target.processes("oobnetd")
    pinger = Pinger(world)
    try:
        time.sleep(0.2)
        os.kill(daemon, signal.SIGSTOP)
        time.sleep(STOPPED_SECONDS)
    finally:
        os.kill(daemon, signal.SIGCONT)
        time.sleep(0.2)
        lost = pinger.stop()
    assert pinger.sent > 100 * STOPPED_SECONDS
    assert not lost
    until(lambda: frames_are_home(world), "frames are home")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tree", required=True, type=pathlib.Path, help="install tree under test")
    parser.add_argument("--all", action="store_true", help="after every instruction")
    args = parser.parse_args()
    for path, options in PATHS.items():
        world = World(args.tree)
        try:
            with tempfile.TemporaryDirectory() as where:
                print(f"{path}: ", end="", flush=True)
                step(world, pathlib.Path(where), [*options, *(["-a"] if args.all else [])])
        finally:
            world.close()


if __name__ == "__main__":
    main()
