# SPDX-License-Identifier: MIT
"""What a test can do with a machine of the lab, whatever kind of machine it is."""

import abc
import dataclasses
import pathlib
import re
import shlex
import signal as signals
import stat

from .errors import LabError

DEFAULT_TIMEOUT = 60  # seconds
KILL_TIMEOUT = 30  # seconds; for a command that was killed to end, on a busy host
CONSOLE_TAIL = 40  # lines


class MachineError(LabError):
    """The machine itself failed: it ended, its kernel panicked, or it no longer answers."""


class CommandTimeout(Exception):
    """A command did not end in time. It was killed if `run` started it, and goes on if `Job.wait` waited."""

    def __init__(self, message, out, err):
        super().__init__(message)
        self.out = out
        self.err = err


class CommandFailed(Exception):
    """A command ended with a status that was not expected."""

    def __init__(self, message, result):
        super().__init__(message)
        self.result = result


@dataclasses.dataclass(frozen=True)
class Result:
    """How a command ended: its exit code, or -N when signal N killed it, and all that it wrote."""
    status: int
    out: bytes
    err: bytes

    @property
    def text(self):
        """Standard output as text."""
        return self.out.decode("utf-8", "replace")

    @property
    def errtext(self):
        """Standard error as text."""
        return self.err.decode("utf-8", "replace")


class Job(abc.ABC):
    """A command that runs in the background. Its standard input is open until `close_input`."""

    pid: int  # process id on the machine; also that of its process group

    @abc.abstractmethod
    def output(self):
        """What it wrote to standard output so far, as bytes."""

    @abc.abstractmethod
    def errors(self):
        """What it wrote to standard error so far, as bytes."""

    @abc.abstractmethod
    def running(self):
        """False once it has ended."""

    @abc.abstractmethod
    def wait(self, timeout=DEFAULT_TIMEOUT):
        """Its Result once it has ended. CommandTimeout after `timeout` seconds; it then goes on."""

    @abc.abstractmethod
    def wait_output(self, pattern, timeout=DEFAULT_TIMEOUT):
        """The match of the regular expression `pattern` (str or bytes) in standard output, as soon as it is
        there. CommandTimeout when it is not there in time, CommandFailed when the command ends without."""

    @abc.abstractmethod
    def kill(self, signal=signals.SIGTERM):
        """Sends a signal to the command and all that it started, as a terminal does."""

    @abc.abstractmethod
    def write(self, data, timeout=DEFAULT_TIMEOUT):
        """Sends bytes to standard input; returns when the command's pipe has room for them all."""

    @abc.abstractmethod
    def close_input(self):
        """Ends standard input."""


class Machine(abc.ABC):
    """A machine. A command is a string for `sh -c`, or a sequence of arguments that is run as it is."""

    name: str

    @abc.abstractmethod
    def start(self, command):
        """Starts a command and returns its Job."""

    @abc.abstractmethod
    def console(self):
        """What its kernel printed so far, as text without terminal controls."""

    @abc.abstractmethod
    def stop(self):
        """Ends the machine; nothing of it is left. May be called again."""

    def run(self, command, timeout=DEFAULT_TIMEOUT, stdin=b""):
        """Runs a command to its end and returns its Result. After `timeout` seconds it is killed and
        CommandTimeout is raised."""
        job = self.start(command)
        try:
            if stdin:
                job.write(stdin, timeout)
            job.close_input()
            return job.wait(timeout)
        except CommandTimeout:
            job.kill(signals.SIGKILL)
            self._wait_killed(job, command)
            raise

    def _wait_killed(self, job, command):
        try:
            job.wait(KILL_TIMEOUT)
        except CommandTimeout as error:
            tail = "\n".join(self.console().splitlines()[-CONSOLE_TAIL:])
            raise MachineError(f"{self.name}: {command_text(command)}: not ended by SIGKILL after "
                               f"{KILL_TIMEOUT} s\n--- end of the console of {self.name}\n{tail}") from error

    def check(self, command, timeout=DEFAULT_TIMEOUT):
        """As `run`, and raises CommandFailed, with all that the command wrote, unless its status is 0."""
        result = self.run(command, timeout)
        if result.status:
            raise CommandFailed(f"{self.name}: {command_text(command)}: status {result.status}\n"
                                f"{result.text}{result.errtext}", result)
        return result

    def write_file(self, remote, data, mode=0o644, timeout=DEFAULT_TIMEOUT):
        """Makes the file `remote` with these bytes, and the directories above it."""
        script = 'mkdir -p "${1%/*}/" && rm -f "$1" && cat >"$1" && chmod "$2" "$1"'
        result = self.run(["sh", "-c", script, "put", remote, f"{mode:o}"], timeout, data)
        if result.status:
            raise CommandFailed(f"{self.name}: cannot write {remote}: {result.errtext}", result)

    def read_file(self, remote, timeout=DEFAULT_TIMEOUT):
        """The bytes of the file `remote`."""
        return self.check(["cat", remote], timeout).out

    def put(self, local, remote, timeout=DEFAULT_TIMEOUT):
        """Copies a file to the machine, with its mode."""
        local = pathlib.Path(local)
        self.write_file(remote, local.read_bytes(), stat.S_IMODE(local.stat().st_mode), timeout)

    def get(self, remote, local, timeout=DEFAULT_TIMEOUT):
        """Copies a file from the machine."""
        pathlib.Path(local).write_bytes(self.read_file(remote, timeout))

    def complaints(self):
        """Lines of the console in which the kernel, or the lab's own first program, reports a fault."""
        pattern = (r"BUG:|WARNING:|Oops|Call Trace|general protection|soft lockup|rcu.*stall|Kernel panic"
                   r"|/init: |lab (init|agent): ")
        return [line for line in self.console().splitlines() if re.search(pattern, line)]


def command_text(command):
    """A command as one would type it."""
    return command if isinstance(command, str) else shlex.join(command)
