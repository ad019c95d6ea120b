#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The page "Out-of-band ping", command by command, on two virtual machines; both screens are shown.

usage: demo.py --tree DIR [--kernel NAME] [--card MODEL] [--json FILE]
"""

import argparse
import json
import pathlib
import re
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from oobnetlab import Lab  # noqa: E402
from oobnetlab.lab import DEFAULT_CACHE, VLAN_PAUSE  # noqa: E402

TARGET_ADDRESS, ISSUER_ADDRESS = "10.10.10.11", "10.10.10.10"
COUNT = 6  # echo requests, as many as the page shows
RESPONDER = "/usr/evl/tidbits/oob-net-icmp"


class Screen:
    """Shows what is typed on a machine and what it answers, with the machine's name before it."""

    def __init__(self, machine, colour):
        self.machine = machine
        self.prompt = f"\033[{colour}m{machine.name:>6}\033[0m | " if sys.stdout.isatty() else f"{machine.name:>6} | "

    def show(self, text):
        for line in text.rstrip("\n").split("\n"):
            print(f"{self.prompt}{line}")

    def run(self, command, note="", expect=0):
        """Types a command; whatever it prints is shown. Ends the demo when its status is not the one expected."""
        self.show(f"# {command}" + (f"    <- {note}" if note else ""))
        result = self.machine.run(command)
        output = result.out.decode(errors="replace") + result.err.decode(errors="replace")
        if output.strip():
            self.show(output)
        if expect is not None and result.status != expect:
            raise DemoFailed(f"{self.machine.name}: `{command}` ended with {result.status}")
        return output

    def start(self, command, note=""):
        self.show(f"# {command} &" + (f"    <- {note}" if note else ""))
        return self.machine.start(command)


class DemoFailed(Exception):
    pass


def say(text):
    print(f"\n\033[1m{text}\033[0m" if sys.stdout.isatty() else f"\n{text}")


def ping(screen):
    """Pings the target; returns how many of the COUNT requests were answered."""
    output = screen.run(f"ping -c {COUNT} -i 0.2 -W 1 {TARGET_ADDRESS}", expect=None)
    found = re.search(r"(\d+) packets transmitted, (\d+) received", output)
    if not found:
        raise DemoFailed("ping printed no statistics")
    return int(found[2])


def add_vlan(screen, dev, address, pause, forgotten=""):
    screen.run(f"ip link add link {dev} name {dev}.42 type vlan id 42")
    screen.run(f"ip addr add {address}/24 dev {dev}.42")
    if pause:
        screen.show(f"(a pause of {pause:g} s, as the page advises for this card)")
        time.sleep(pause)
    screen.run(f"ip link set {dev}.42 up", note=forgotten)


def expect(got, wanted, what):
    if got != wanted:
        raise DemoFailed(f"{what}: {got} of {COUNT} echo requests were answered, not {wanted}")
    print(f"\n   => {what}: {got} of {COUNT} answered, as it should be")


def demo(lab):
    target, issuer = Screen(lab.target, "36"), Screen(lab.issuer, "33")
    pause = VLAN_PAUSE.get(lab.card, 0)
    figures = {"kernel": lab.target.run("uname -rv").out.decode().strip(), "card": lab.card}
    for machine in (lab.target, lab.issuer):
        lab.up(machine)

    say("The target: a VLAN device, made an out-of-band port; VLAN 42 is monitored")
    add_vlan(target, "eth0", TARGET_ADDRESS, pause, forgotten="ours: the page forgot it")
    target.run("evl net -ei eth0.42")
    target.run("evl net -N42", note="for the page's: echo 42 > /sys/class/evl/net/vlans")
    target.run("evl net")

    say("The issuer: an ordinary machine, which knows nothing of oobnet")
    add_vlan(issuer, "eth0", ISSUER_ADDRESS, pause)
    lab.wait_carrier(lab.target, "eth0.42")

    say("1. A program answers the ping")
    responder = target.start(f"{RESPONDER} -i eth0.42")
    responder.wait_output("listening to interface", 10)
    if pause:
        settle(lab)
    before = responder.output().count(b"count=84,")
    figures["responder"] = ping(issuer)
    wait_for(lambda: responder.output().count(b"count=84,") >= before + figures["responder"])
    target.show(responder.output().decode())
    expect(figures["responder"], COUNT, "the program answers")

    say("2. The program is stopped: nobody answers, for what is out-of-band never falls back in-band")
    target.show("^C")
    responder.kill(2)
    responder.wait(10)
    target.show(responder.output().decode().split("--- ")[-1].join(["--- ", ""]))
    figures["nobody"] = ping(issuer)
    expect(figures["nobody"], 0, "nobody answers")
    target.run("evl net -Q -i eth0.42")

    say("3. The port is disabled: the kernel answers again")
    target.run("evl net -di eth0.42")
    settle(lab)
    figures["kernel_again"] = ping(issuer)
    expect(figures["kernel_again"], COUNT, "the kernel answers")
    return figures


def settle(lab):
    """Some cards lose or delay frames for a while after a program is attached or the link comes up."""
    lab.reachable(lab.issuer, TARGET_ADDRESS)


def wait_for(condition, timeout=5.0):
    deadline = time.monotonic() + timeout
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tree", required=True, type=pathlib.Path, help="install tree (what DESTDIR names)")
    parser.add_argument("--kernel", default="6.1-cloud", help="Debian kernel (default: %(default)s)")
    parser.add_argument("--card", default="virtio", help="network card (default: %(default)s)")
    parser.add_argument("--lab-cache", type=pathlib.Path, default=DEFAULT_CACHE)
    parser.add_argument("--json", type=pathlib.Path, help="write the figures there")
    args = parser.parse_args()
    sys.stdout.reconfigure(line_buffering=True)

    def progress(line):
        print(f"   {line}")

    print("Two virtual machines (QEMU, no KVM) on one Ethernet segment, with Debian's own kernel:")
    try:
        with Lab(args.kernel, args.card, tree=args.tree, cache=args.lab_cache, progress=progress) as lab:
            figures = demo(lab)
    except DemoFailed as failure:
        print(f"\ndemo failed: {failure}", file=sys.stderr)
        return 1
    if args.json:
        args.json.write_text(json.dumps(figures, indent=2) + "\n")
    say("That was the page. On a real machine the same commands do the same: see README.md.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
