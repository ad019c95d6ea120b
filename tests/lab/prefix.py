#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A command prefix for a machine of the lab, as `ssh root@host` is for a real one: prefix.py SOCKET MACHINE COMMAND.

The test that owns the lab serves the socket (PrefixServer). Standard input is not passed on.
"""

import os
import socket
import struct
import sys
import threading
import time

FRAME = struct.Struct("!BI")  # kind, length; then the bytes
STDOUT, STDERR, STATUS = 1, 2, 3


def receive(conn, n):
    data = b""
    while len(data) < n:
        part = conn.recv(n - len(data))
        if not part:
            raise EOFError
        data += part
    return data


def receive_frame(conn):
    kind, length = FRAME.unpack(receive(conn, FRAME.size))
    return kind, receive(conn, length)


def send_frame(conn, kind, data):
    conn.sendall(FRAME.pack(kind, len(data)) + data)


class PrefixServer:
    """Runs commands on machines for clients of a unix socket, each in a thread."""

    def __init__(self, path, machines):
        self._machines = machines
        self._lock = threading.Lock()  # one conversation with the machines at a time
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(str(path))
        self._socket.listen(8)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                conn, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(conn,), daemon=True).start()

    def _serve(self, conn):
        with conn:
            name, command = (receive_frame(conn)[1].decode() for _ in range(2))
            with self._lock:
                job = self._machines[name].start(command)
                job.close_input()
            sent = {STDOUT: 0, STDERR: 0}
            running = True
            while running:
                time.sleep(0.02)
                with self._lock:
                    running = job.running()
                    streams = {STDOUT: job.output(), STDERR: job.errors()}
                for kind, data in streams.items():
                    if len(data) > sent[kind]:
                        send_frame(conn, kind, data[sent[kind]:])
                        sent[kind] = len(data)
            with self._lock:
                status = job.wait(10).status
            send_frame(conn, STATUS, struct.pack("!i", status))

    def close(self):
        self._socket.close()


def main():
    _, path, machine, command = sys.argv
    with socket.socket(socket.AF_UNIX) as conn:
        conn.connect(path)
        send_frame(conn, STDOUT, machine.encode())
        send_frame(conn, STDOUT, command.encode())
        while True:
            kind, data = receive_frame(conn)
            if kind == STATUS:
                status = struct.unpack("!i", data)[0]
                return status if status >= 0 else 128 - status
            os.write(1 if kind == STDOUT else 2, data)


if __name__ == "__main__":
    sys.exit(main())
