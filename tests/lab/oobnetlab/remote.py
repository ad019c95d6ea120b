# SPDX-License-Identifier: MIT
"""A machine that answers to a command prefix, such as `ssh root@plc`: one more argument is the command."""

import shlex
import signal as signals
import subprocess
import threading
import time

from .errors import LabError
from .machine import CommandFailed, CommandTimeout, Job, Machine, Result, command_text

START_TIMEOUT = 30  # seconds, for the prefix to connect
FIND = "export PATH=$PATH:/usr/evl/bin:/usr/sbin:/sbin; "


class RemoteJob(Job):
    """The prefix's process here, and the command's own process there."""

    def __init__(self, machine, command):
        self._machine = machine
        self._command = command_text(command)
        # The first line of standard error tells the pid over there, which a signal needs.
        script = FIND + f"echo $$ >&2; exec sh -c {shlex.quote(self._command)}"
        self._process = subprocess.Popen(machine.prefix + [script], stdin=subprocess.PIPE,
                                         stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self._out, self._err = bytearray(), bytearray()
        self._changed = threading.Condition()
        self._readers = [threading.Thread(target=self._read, args=pair, daemon=True) for pair in
                         ((self._process.stdout, self._out), (self._process.stderr, self._err))]
        for reader in self._readers:
            reader.start()
        self.pid = self._read_pid()

    def _read(self, stream, into):
        while data := stream.read1(65536):
            with self._changed:
                into += data
                self._changed.notify_all()
        stream.close()
        with self._changed:
            self._changed.notify_all()

    def _read_pid(self):
        deadline = time.monotonic() + START_TIMEOUT
        with self._changed:
            while True:
                # ssh may say something of its own before.
                for number, line in enumerate(bytes(self._err).split(b"\n")[:-1]):
                    if line.strip().isdigit():
                        self._skip = len(b"\n".join(bytes(self._err).split(b"\n")[:number + 1])) + 1
                        return int(line)
                left = deadline - time.monotonic()
                if self._process.poll() is not None and not any(r.is_alive() for r in self._readers):
                    raise LabError(f"{self._machine.name}: {shlex.join(self._machine.prefix)} does not run "
                                   f"commands: {bytes(self._err).decode(errors='replace').strip()}")
                if left <= 0:
                    self._process.kill()
                    raise LabError(f"{self._machine.name}: {shlex.join(self._machine.prefix)}: no answer")
                self._changed.wait(min(left, 0.1))

    def output(self):
        with self._changed:
            return bytes(self._out)

    def errors(self):
        with self._changed:
            return bytes(self._err[self._skip:])

    def running(self):
        return self._process.poll() is None

    def wait(self, timeout=60):
        try:
            status = self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise CommandTimeout(f"{self._machine.name}: {self._command}: still running after {timeout} s",
                                 self.output(), self.errors()) from None
        for reader in self._readers:
            reader.join(timeout)
        return Result(status, self.output(), self.errors())

    def wait_output(self, pattern, timeout=60):
        import re
        pattern = pattern.encode() if isinstance(pattern, str) else pattern
        deadline = time.monotonic() + timeout
        while not (found := re.search(pattern, self.output())):
            if not self.running() and not any(r.is_alive() for r in self._readers):
                raise CommandFailed(f"{self._machine.name}: {self._command}: ended without the output "
                                    f"expected: {self.errors().decode(errors='replace')}", self.wait())
            if time.monotonic() > deadline:
                raise CommandTimeout(f"{self._machine.name}: {self._command}: no such output",
                                     self.output(), self.errors())
            time.sleep(0.05)
        return found

    def kill(self, signal=signals.SIGTERM):
        self._machine.run(f"kill -{int(signal)} {self.pid}")

    def write(self, data, timeout=60):
        self._process.stdin.write(data)
        self._process.stdin.flush()

    def close_input(self):
        self._process.stdin.close()


class RemoteMachine(Machine):
    """Nothing is known of it but that commands can be run; it is never ended, only left as it was found."""

    def __init__(self, name, prefix):
        self.name = name
        self.prefix = shlex.split(prefix)

    def start(self, command):
        return RemoteJob(self, command)

    def console(self):
        return ""

    def stop(self):
        pass
