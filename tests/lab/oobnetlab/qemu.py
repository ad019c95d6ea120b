# SPDX-License-Identifier: MIT
"""A machine in QEMU's own emulation (never KVM), without root and without the host's network."""

import dataclasses
import os
import pathlib
import re
import shutil
import socket
import subprocess
import time

from .channel import Channel
from .errors import LabError
from .machine import CONSOLE_TAIL, Machine, MachineError

# Stock kernels hang on the KVM of some hosts, so emulation it is, one host thread per CPU.
ACCELERATOR = "tcg,thread=multi"
# Without cmpxchg16b: emulated by QEMU 7.2 it leaves garbage in the flags, and kernels from 6.12 on crash.
PROCESSOR = "max,cx16=off"
CARD_DEVICES = {"virtio": "virtio-net-pci", "e1000": "e1000"}
# A fault of the kernel ends the machine, and so the call that waits for it, at once.
COMMAND_LINE = ("console=ttyS0 loglevel=5 panic=-1 oops=panic nowatchdog rcupdate.rcu_expedited=1 "
                "random.trust_cpu=on mitigations=off tsc=reliable no_timer_check net.ifnames=0")
ACCEPT_POLL = 0.2  # seconds
STOP_TIMEOUT = 5  # seconds


@dataclasses.dataclass(frozen=True)
class Card:
    """A network card: its model, its address, and the two ends of its cable (unix datagram sockets)."""
    model: str
    mac: str
    local: pathlib.Path
    remote: pathlib.Path


class QemuMachine(Machine):
    """Started by its constructor, usable after `wait_ready`. Call both from a thread that outlives it: QEMU
    is killed when the thread that started it ends, so that nothing is left behind even by a crash."""

    def __init__(self, name, kernel, image, cards, workdir, cpus=2, memory=512):
        self.name = name
        self._process = None
        self._channel = None
        self._console = pathlib.Path(workdir) / f"{name}.console"
        self._messages = pathlib.Path(workdir) / f"{name}.qemu"
        path = pathlib.Path(workdir) / f"{name}.control"
        command = self._command(kernel, image, cards, path, cpus, memory)
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(os.fspath(path))
        self._listener.listen(1)
        with open(self._messages, "wb") as messages:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=messages,
                                             stderr=messages, start_new_session=True)

    def _command(self, kernel, image, cards, control, cpus, memory):
        qemu = shutil.which("qemu-system-x86_64")
        if not qemu:
            raise LabError("packages missing for the lab: qemu-system-x86")
        command = [
            "setpriv", "--pdeathsig", "KILL", qemu, "-nodefaults", "-no-user-config", "-no-reboot",
            "-display", "none", "-accel", ACCELERATOR, "-machine", "pc", "-cpu", PROCESSOR,
            "-smp", str(cpus), "-m", str(memory), "-name", self.name,
            "-kernel", os.fspath(kernel.vmlinuz), "-initrd", os.fspath(image),
            "-append", f"{COMMAND_LINE} lab.name={self.name}",
            "-chardev", f"file,id=console,path={self._console}", "-serial", "chardev:console",
            "-chardev", f"socket,id=control,path={control}",
            "-device", "virtio-serial-pci,max_ports=2",
            "-device", "virtserialport,nr=1,chardev=control,name=control",
        ]
        for number, card in enumerate(cards):
            command += [
                "-netdev", f"dgram,id=net{number},local.type=unix,local.path={card.local},"
                           f"remote.type=unix,remote.path={card.remote}",
                # Without its boot ROM, which nobody needs and which is in a package of its own.
                "-device", f"{CARD_DEVICES[card.model]},netdev=net{number},mac={card.mac},romfile=",
            ]
        return command

    def wait_ready(self, timeout=120):
        """Waits until commands can be run; returns the release of the machine's kernel."""
        if self._channel is None:
            self._channel = Channel(self.name, self._accept(timeout), self._tail)
        return self._channel.wait_hello(timeout)

    def _accept(self, timeout):
        """The connection that QEMU makes as soon as it starts."""
        end = time.monotonic() + timeout
        self._listener.settimeout(ACCEPT_POLL)
        while True:
            try:
                sock, _ = self._listener.accept()
            except TimeoutError:
                if self._process.poll() is None and time.monotonic() < end:
                    continue
                raise MachineError(f"{self.name}: QEMU does not start\n{self._tail()}") from None
            sock.settimeout(None)
            return sock

    @property
    def pid(self):
        """Process id of QEMU on the host."""
        return self._process.pid

    def start(self, command):
        if self._channel is None:
            raise MachineError(f"{self.name}: not ready, or stopped")
        return self._channel.start(command)

    def console(self):
        try:
            text = self._console.read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return ""
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\x1bc|\r", "", text)

    def _tail(self):
        messages = self._messages.read_text(encoding="utf-8", errors="replace")
        lines = self.console().splitlines()[-CONSOLE_TAIL:]
        return "\n".join([f"--- end of the console of {self.name}", *lines,
                          *(["--- QEMU", messages.rstrip()] if messages else [])])

    def stop(self):
        process, self._process = self._process, None
        channel, self._channel = self._channel, None
        if process is not None:
            process.terminate()
            try:
                process.wait(STOP_TIMEOUT)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if channel is not None:
            channel.close()
        self._listener.close()
