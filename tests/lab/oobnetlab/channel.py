# SPDX-License-Identifier: MIT
"""The control channel of a machine: records to and from its agent (agent.c), and the jobs they tell of."""

import os
import re
import signal as signals
import socket
import struct
import threading
import time

from .machine import CommandFailed, CommandTimeout, DEFAULT_TIMEOUT, Job, MachineError, Result, command_text

# Keep in step with agent.c.
EXEC, STDIN, SIGNAL = 1, 2, 3
HELLO, STARTED, STDOUT, STDERR, EXIT, CREDIT = 16, 17, 18, 19, 20, 21
HEADER = struct.Struct("<III")
NUMBER = struct.Struct("<i")
PAYLOAD_MAX = 64 * 1024
STDIN_WINDOW = 64 * 1024
STDIN_RECORD = 16 * 1024

ANSWER_TIMEOUT = 30  # seconds for what the agent does at once, on a busy host


class ChannelJob(Job):
    """A command run by an agent."""

    def __init__(self, channel, number, command):
        self._channel = channel
        self._number = number
        self._command = command
        self._out = bytearray()
        self._err = bytearray()
        self._status = None
        self._credit = STDIN_WINDOW
        self.pid = None

    def output(self):
        with self._channel.changed:
            return bytes(self._out)

    def errors(self):
        with self._channel.changed:
            return bytes(self._err)

    def running(self):
        with self._channel.changed:
            return self._status is None

    def wait(self, timeout=DEFAULT_TIMEOUT):
        with self._channel.changed:
            if not self._channel.wait_for(lambda: self._status is not None, timeout):
                raise self._late(f"no end after {timeout} s")
            return Result(self._status, bytes(self._out), bytes(self._err))

    def wait_output(self, pattern, timeout=DEFAULT_TIMEOUT):
        pattern = pattern.encode() if isinstance(pattern, str) else pattern
        compiled = re.compile(pattern, re.MULTILINE)
        with self._channel.changed:
            if not self._channel.wait_for(lambda: self._status is not None or compiled.search(self._out),
                                          timeout):
                raise self._late(f"no output {pattern!r} after {timeout} s")
            match = compiled.search(bytes(self._out))
            if match:
                return match
            result = Result(self._status, bytes(self._out), bytes(self._err))
        raise CommandFailed(f"{self._title()}: status {result.status} without output {pattern!r}\n"
                            f"{result.text}{result.errtext}", result)

    def kill(self, signal=signals.SIGTERM):
        self._channel.send(SIGNAL, self._number, NUMBER.pack(signal))

    def write(self, data, timeout=DEFAULT_TIMEOUT):
        end = time.monotonic() + timeout
        for start in range(0, len(data), STDIN_RECORD):
            part = data[start:start + STDIN_RECORD]
            with self._channel.changed:
                if not self._channel.wait_for(
                        lambda: self._status is not None or self._credit >= len(part),
                        end - time.monotonic()):
                    raise self._late(f"input not read after {timeout} s")
                if self._status is not None:
                    return
                self._credit -= len(part)
            self._channel.send(STDIN, self._number, part)

    def close_input(self):
        self._channel.send(STDIN, self._number, b"")

    def _title(self):
        return f"{self._channel.name}: {command_text(self._command)}"

    def _late(self, what):
        out, err = bytes(self._out), bytes(self._err)
        text = (out + err).decode("utf-8", "replace")
        return CommandTimeout(f"{self._title()}: {what}\n{text}", out, err)

    def handle(self, kind, payload):
        """Takes in a record about this job; the channel's lock is held."""
        if kind == STDOUT:
            self._out += payload
        elif kind == STDERR:
            self._err += payload
        elif kind == CREDIT:
            self._credit += NUMBER.unpack(payload)[0]
        elif kind == EXIT:
            self._status = NUMBER.unpack(payload)[0]
        elif kind == STARTED:
            self.pid = NUMBER.unpack(payload)[0]


class Channel:
    """Speaks with one agent over a connected socket. `explain` gives the text that says why a machine is
    gone (the tail of its console)."""

    def __init__(self, name, sock, explain):
        self.name = name
        self.changed = threading.Condition()
        self.release = None
        # A machine that hangs reads nothing: sending must end too.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("@ll", ANSWER_TIMEOUT, 0))
        self._sock = sock
        self._explain = explain
        self._jobs = {}
        self._next = 1
        self._gone = False
        self._sending = threading.Lock()
        self._reader = threading.Thread(target=self._read, name=f"lab-{name}", daemon=True)
        self._reader.start()

    def wait_hello(self, timeout):
        """The release of the kernel that the agent runs on."""
        with self.changed:
            if not self.wait_for(lambda: self.release, timeout):
                raise self.error(f"not ready after {timeout} s")
            return self.release

    def start(self, command):
        arguments = ["sh", "-c", command] if isinstance(command, str) else list(command)
        payload = b"".join(os.fsencode(a) + b"\0" for a in arguments)
        if len(payload) > PAYLOAD_MAX:
            raise ValueError("command too long")
        with self.changed:
            number = self._next
            self._next += 1
            job = self._jobs[number] = ChannelJob(self, number, command)
        self.send(EXEC, number, payload)
        with self.changed:
            if not self.wait_for(lambda: job.pid is not None, ANSWER_TIMEOUT):
                raise self.error(f"no answer to a command for {ANSWER_TIMEOUT} s")
        if job.pid < 0:
            raise MachineError(f"{job._title()}: cannot start: {os.strerror(-job.pid)}")
        return job

    def wait_for(self, condition, timeout):
        """Waits, with the lock held, until `condition()`; False when it is not so in time. MachineError as
        soon as the machine is gone."""
        self.changed.wait_for(lambda: self._gone or condition(), max(timeout, 0))
        if condition():
            return True
        if self._gone:
            raise self.error("the machine is gone")
        return False

    def send(self, kind, number, payload):
        try:
            with self._sending:
                self._sock.sendall(HEADER.pack(len(payload), number, kind) + payload)
        except OSError as error:
            raise self.error(f"the machine is gone ({error})") from error

    def error(self, what):
        return MachineError(f"{self.name}: {what}\n{self._explain()}")

    def close(self):
        self._sock.close()
        self._reader.join(timeout=ANSWER_TIMEOUT)

    def _receive(self, length):
        data = bytearray()
        while len(data) < length:
            part = self._sock.recv(min(length - len(data), 1 << 20))
            if not part:
                raise EOFError
            data += part
        return bytes(data)

    def _read(self):
        try:
            while True:
                length, number, kind = HEADER.unpack(self._receive(HEADER.size))
                self._handle(kind, number, self._receive(length))
        except (EOFError, OSError):
            with self.changed:
                self._gone = True
                self.changed.notify_all()

    def _handle(self, kind, number, payload):
        with self.changed:
            if kind == HELLO:
                self.release = payload.decode()
            else:
                self._jobs[number].handle(kind, payload)
                if kind == EXIT:
                    del self._jobs[number]
            self.changed.notify_all()
