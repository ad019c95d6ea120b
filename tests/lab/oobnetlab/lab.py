# SPDX-License-Identifier: MIT
"""Machines on one Ethernet segment, all started at the same time."""

import pathlib
import time

from .errors import LabError
from .image import get_image
from .kernels import cards_of, get_kernel
from .qemu import Card, QemuMachine
from .segment import Segment
from .workdir import WorkDir

DEFAULT_CACHE = pathlib.Path(__file__).resolve().parents[3] / "build" / "lab-cache"
READY_TIMEOUT = 180  # seconds; a pair takes a few on an idle host
REACHABLE_TIMEOUT = 60  # seconds
CARRIER_TIMEOUT = 20  # seconds; e1000 needs about 1.2
# Between adding a VLAN device and setting it up, for cards that need it (the page "Out-of-band ping").
VLAN_PAUSE = {"e1000": 2.0}


class Lab:
    """A context manager: machines named `names` (attributes, and `machines`), each with one card `eth0` of
    the model `card`, on one segment. `tree` is an install tree to put into them, or None; `pcap` a file that
    gets every frame that passes on the segment, readable at any time."""

    def __init__(self, kernel, card, tree=None, names=("target", "issuer"), cache=DEFAULT_CACHE, pcap=None,
                 progress=lambda line: None):
        if card not in cards_of(kernel):
            raise LabError(f"kernel {kernel} has no driver for the card {card}")
        self.kernel = kernel
        self.card = card
        self.machines = {}
        self._tree = tree
        self._names = names
        self._cache = cache
        self._pcap = pcap
        self._segment = None
        self._progress = progress
        self._workdir = None

    def __enter__(self):
        kernel = get_kernel(self.kernel, self._cache, self._progress)
        image = get_image(kernel, self._tree, self._cache)
        self._workdir = WorkDir()
        try:
            self._progress(f"starting {', '.join(self._names)}: {kernel.release}, {self.card}")
            if len(self._names) != 2 or self._pcap:
                self._segment = Segment(self._workdir.path, len(self._names), self._pcap)
            for number, name in enumerate(self._names):
                self.machines[name] = QemuMachine(name, kernel, image, [self._cable(number)],
                                                  self._workdir.path)
            for name, machine in self.machines.items():
                machine.wait_ready(READY_TIMEOUT)
                self._progress(f"{name} is ready")
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *exception):
        self.stop()

    def __getattr__(self, name):
        try:
            return self.__dict__["machines"][name]
        except KeyError:
            raise AttributeError(name) from None

    @property
    def workdir(self):
        """The directory with the sockets and console logs of the running machines."""
        return self._workdir.path

    @property
    def segment_pid(self):
        """Process id of the segment's forwarder, or None when two machines are joined directly."""
        return self._segment.pid if self._segment else None

    def _cable(self, number):
        mac = f"52:54:00:0b:00:{number + 1:02x}"
        if self._segment:
            return Card(self.card, mac, self._segment.machine_end(number), self._segment.hub_end(number))
        ends = [self._workdir.path / f"eth{n}" for n in (number, 1 - number)]
        return Card(self.card, mac, *ends)

    def stop(self):
        """Ends all machines and removes their sockets and logs."""
        for machine in self.machines.values():
            machine.stop()
        self.machines = {}
        if self._segment is not None:
            self._segment.stop()
        self._segment = None
        if self._workdir is not None:
            self._workdir.remove()
        self._workdir = None

    def up(self, machine, dev="eth0", addr=None):
        """Sets a device up, waits for its carrier, and gives it an address (`192.168.77.1/24`)."""
        if addr:
            machine.check(["ip", "addr", "replace", addr, "dev", dev])
        machine.check(["ip", "link", "set", dev, "up"])
        self.wait_carrier(machine, dev)

    def vlan_up(self, machine, dev="eth0", vid=42, addr="10.10.10.11/24"):
        """Makes the VLAN device DEV.VID with this address, sets it up and waits for its carrier; DEV is set
        up first. Returns the name of the new device."""
        name = f"{dev}.{vid}"
        self.up(machine, dev)
        machine.check(["ip", "link", "add", "link", dev, "name", name, "type", "vlan", "id", str(vid)])
        time.sleep(VLAN_PAUSE.get(self.card, 0))
        self.up(machine, name, addr)
        return name

    def reachable(self, machine, address, timeout=REACHABLE_TIMEOUT):
        """Waits until `address` answers the machine's pings at the first try and without delay: after the
        link comes up, and after an XDP program is attached, e1000 loses or delays them for a while."""
        good = f"ping -c 5 -i 0.05 -W 0.2 {address} | grep -q ' 5 received'"
        machine.check(f"until {good}; do sleep 0.1; done", timeout)

    def wait_carrier(self, machine, dev, timeout=CARRIER_TIMEOUT):
        """Waits until the link of a device is up."""
        script = f'until [ "$(cat /sys/class/net/{dev}/operstate)" = up ]; do sleep 0.05; done'
        machine.check(script, timeout)
