# SPDX-License-Identifier: MIT
"""An Ethernet segment: a process that forwards each frame of one machine to all the others, and can write
all that passes to a pcap file. Two machines that nobody listens to need none: QEMU joins them directly."""

import collections
import os
import pathlib
import selectors
import signal
import socket
import struct
import subprocess
import sys
import time

FRAME_MAX = 1 << 16
QUEUE_MAX = 1024  # frames; a machine that does not take its frames loses the further ones, as on a switch
BATCH = 64
RETRY = 0.001  # seconds; how often a machine whose socket is full is tried again
STOP_TIMEOUT = 10  # seconds
PCAP_HEADER = struct.pack("<IHHiIII", 0xa1b23c4d, 2, 4, 0, 0, FRAME_MAX, 1)  # nanoseconds, Ethernet


class Segment:
    """The process, seen from the lab. Cable `number` has two ends: `machine_end` and `hub_end`."""

    def __init__(self, workdir, cables, pcap=None):
        self._workdir = pathlib.Path(workdir)
        command = ["setpriv", "--pdeathsig", "KILL", sys.executable, os.path.abspath(__file__)]
        command += [os.fspath(pcap) if pcap else "", *(
            os.fspath(end) for n in range(cables) for end in (self.hub_end(n), self.machine_end(n)))]
        # Ready, with all its sockets there, when it closes its output.
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        self._process.stdout.read()
        self._process.stdout.close()

    @property
    def pid(self):
        """Process id on the host."""
        return self._process.pid

    def machine_end(self, number):
        return self._workdir / f"eth{number}"

    def hub_end(self, number):
        return self._workdir / f"hub{number}"

    def stop(self):
        self._process.terminate()
        try:
            self._process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class _Port:
    def __init__(self, ours, theirs):
        self.queue = collections.deque()
        self.dropped = 0
        self._theirs = theirs
        self._connected = False
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.setblocking(False)
        self.socket.bind(ours)

    def send(self, frame):
        if len(self.queue) < QUEUE_MAX:
            self.queue.append(frame)
        else:
            self.dropped += 1

    def flush(self):
        """Sends what the machine takes. A machine that is not there takes everything."""
        while self.queue:
            try:
                if not self._connected:
                    self.socket.connect(self._theirs)
                    self._connected = True
                self.socket.send(self.queue[0])
            except BlockingIOError:
                return
            except OSError:
                self._connected = False
            self.queue.popleft()


def _receive(port):
    for _ in range(BATCH):
        try:
            yield port.socket.recv(FRAME_MAX)
        except OSError:
            # Nothing more, or the machine at the other end has gone.
            return


def _pcap_record(frame):
    now = time.time_ns()
    return struct.pack("<IIII", now // 10**9, now % 10**9, len(frame), len(frame)) + frame


def _forward(ports, capture):
    selector = selectors.DefaultSelector()
    for port in ports:
        selector.register(port.socket, selectors.EVENT_READ, port)
    while True:
        waiting = any(port.queue for port in ports)
        for key, _ in selector.select(RETRY if waiting else None):
            for frame in _receive(key.data):
                if capture:
                    capture.write(_pcap_record(frame))
                for port in ports:
                    if port is not key.data:
                        port.send(frame)
        # First the file, then the machines: what one of them saw is in the file.
        if capture:
            capture.flush()
        for port in ports:
            port.flush()


def main(arguments):
    ends = arguments[1:]
    ports = [_Port(ours, theirs) for ours, theirs in zip(ends[::2], ends[1::2])]
    capture = None
    if arguments[0]:
        capture = open(arguments[0], "wb")
        capture.write(PCAP_HEADER)
        capture.flush()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    os.close(sys.stdout.fileno())
    try:
        _forward(ports, capture)
    finally:
        dropped = [port.dropped for port in ports]
        if any(dropped):
            print(f"lab segment: frames dropped per machine: {dropped}", file=sys.stderr)
        if capture:
            capture.close()


if __name__ == "__main__":
    main(sys.argv[1:])
