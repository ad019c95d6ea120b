#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The page "Out-of-band ping", command by command, on two machines; both screens are shown.

Two virtual machines are made, unless --target and --issuer name real ones by a command prefix.
"""

import argparse
import json
import pathlib
import re
import shlex
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from demo_report import write_report  # noqa: E402
from oobnetlab import CommandFailed, CommandTimeout, Lab, LabError  # noqa: E402
from oobnetlab.lab import DEFAULT_CACHE, VLAN_PAUSE  # noqa: E402
from oobnetlab.remote import RemoteMachine  # noqa: E402

TARGET_ADDRESS, ISSUER_ADDRESS = "10.10.10.11", "10.10.10.10"
COUNT = 6  # echo requests, as many as the page shows
RESPONDER = "/usr/evl/tidbits/oob-net-icmp"
REAL_PAUSE = 2.0  # seconds: whatever card it is, the pause that some need does not hurt
SETTLED = 60  # seconds at most until an unhurried answer to each of five pings


class DemoFailed(Exception):
    pass


class Side:
    """One machine: its screen, and the interface that the VLAN goes on."""

    def __init__(self, machine, interface, colour):
        self.machine = machine
        self.interface = interface
        self.vlan = f"{interface}.42"
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

    def start(self, command):
        self.show(f"# {command} &")
        return self.machine.start(f"exec {command}")  # so that a signal reaches the program itself

    def add_vlan(self, address, pause, forgotten=""):
        self.run(f"ip link add link {self.interface} name {self.vlan} type vlan id 42")
        self.run(f"ip addr add {address}/24 dev {self.vlan}")
        if pause:
            self.show(f"(a pause of {pause:g} s, as the page advises for some cards)")
            time.sleep(pause)
        self.run(f"ip link set {self.vlan} up", note=forgotten)


def say(text):
    print(f"\n\033[1m{text}\033[0m" if sys.stdout.isatty() else f"\n{text}")


def ping(issuer, figures, phase):
    """Pings the target; returns how many of the COUNT requests were answered."""
    output = issuer.run(f"ping -c {COUNT} -i 0.2 -W 1 {TARGET_ADDRESS}", expect=None)
    found = re.search(r"(\d+) packets transmitted, (\d+) received", output)
    if not found:
        raise DemoFailed("ping printed no statistics")
    times = re.search(r"rtt min/avg/max/mdev = ([\d.]+)/([\d.]+)/([\d.]+)/([\d.]+) ms", output)
    figures[phase] = {"sent": int(found[1]), "answered": int(found[2]),
                      "rtt_ms": dict(zip(("min", "avg", "max", "mdev"), map(float, times.groups()))) if times else None}
    return int(found[2])


def expect(got, wanted, what):
    if got != wanted:
        raise DemoFailed(f"{what}: {got} of {COUNT} echo requests were answered, not {wanted}")
    print(f"\n   => {what}: {got} of {COUNT} answered, as it should be")


def settle(issuer):
    """Some cards lose or delay frames for a while after a program is attached or the link comes up."""
    good = f"ping -c 5 -i 0.2 -W 1 {TARGET_ADDRESS} | grep -q ' 5 received'"
    issuer.machine.check(f"until {good}; do sleep 0.2; done", SETTLED)


def wait_for(condition, timeout=5.0):
    deadline = time.monotonic() + timeout
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)


def demo(target, issuer, pause):
    """The page. Returns what a report needs to know."""
    figures = {}
    say("The target: a VLAN device, made an out-of-band port; VLAN 42 is monitored")
    target.add_vlan(TARGET_ADDRESS, pause, forgotten="ours: the page forgot it")
    target.run(f"evl net -ei {target.vlan}")
    target.run("evl net --sysfs", note="ours: shows EVL's files where the page has them")
    target.run('sh -c "echo 42 > /sys/class/evl/net/vlans"', note="the page's own line, but for the sudo before it")
    target.run("evl net -N42", note="the same, without any file")
    target.run("evl net")

    say("The issuer: an ordinary machine, which knows nothing of oobnet")
    issuer.add_vlan(ISSUER_ADDRESS, pause)
    wait_for(lambda: target.machine.run(f"ip link show {target.vlan} | grep -q LOWER_UP").status == 0)

    say("1. A program answers the ping")
    responder = target.start(f"{RESPONDER} -i {target.vlan}")
    responder.wait_output("listening to interface", 10)
    if pause:
        settle(issuer)
    before = responder.output().count(b"count=84,")
    answered = ping(issuer, figures, "out_of_band")
    wait_for(lambda: responder.output().count(b"count=84,") >= before + answered)
    target.show(responder.output().decode())
    expect(answered, COUNT, "the program answers")
    figures["port"] = json.loads(target.machine.check(f"evl net -Q -i {target.vlan} --json").text)["port"]

    say("2. The program is stopped: nobody answers, for what is out-of-band never falls back in-band")
    target.show("^C")
    seen = len(responder.output())
    responder.kill(2)
    responder.wait(10)
    target.show(responder.output()[seen:].decode())
    expect(ping(issuer, figures, "nobody"), 0, "nobody answers")
    target.run(f"evl net -Q -i {target.vlan}")

    say("3. The port is disabled: the kernel answers again")
    target.run(f"evl net -di {target.vlan}")
    settle(issuer)
    expect(ping(issuer, figures, "in_band"), COUNT, "the kernel answers")
    return figures


def in_the_lab(args):
    def progress(line):
        print(f"   {line}")

    print("Two virtual machines (QEMU, no KVM) on one Ethernet segment, with Debian's own kernel:")
    with Lab(args.kernel, args.card, tree=args.tree, cache=args.lab_cache, progress=progress) as lab:
        for machine in (lab.target, lab.issuer):
            lab.up(machine)
        target, issuer = Side(lab.target, "eth0", 36), Side(lab.issuer, "eth0", 33)
        finish(args, target, issuer, demo(target, issuer, VLAN_PAUSE.get(args.card, 0)))


def check_ready(target, issuer):
    """Refuses before anything is changed on somebody's machine."""
    for side in (target, issuer):
        if side.machine.run(f"ip link show dev {shlex.quote(side.interface)} up").out.strip() == b"":
            raise DemoFailed(f"{side.machine.name}: {side.interface} is not there, or is down")
        if side.machine.run(f"ip link show dev {side.vlan}").status == 0:
            raise DemoFailed(f"{side.machine.name}: {side.vlan} exists already; remove it first: "
                             f"ip link del {side.vlan}")
        if side.machine.run("test $(id -u) -eq 0").status:
            raise DemoFailed(f"{side.machine.name}: not root there")
    if target.machine.run("command -v evl").status:
        raise DemoFailed(f"{target.machine.name}: oobnet is not installed there (make install)")
    vlans = target.machine.run("evl net -n").text.strip()
    if vlans:
        raise DemoFailed(f"{target.machine.name}: monitors VLANs {vlans} already: not a machine to play with")


def on_real_machines(args):
    target = Side(RemoteMachine("target", args.target), args.target_if, 36)
    issuer = Side(RemoteMachine("issuer", args.issuer), args.issuer_if, 33)
    print(f"Two machines: the target answers to `{args.target}`, the issuer to `{args.issuer}`")
    check_ready(target, issuer)
    try:
        finish(args, target, issuer, demo(target, issuer, REAL_PAUSE))
    finally:
        say("Both machines are put back as they were")
        target.run(f"evl net -di {target.vlan} 2>/dev/null; evl net -N; evl net --no-sysfs", expect=None)
        for side in (target, issuer):
            side.run(f"ip link del {side.vlan}", expect=None)


def finish(args, target, issuer, figures):
    if args.report:
        write_report(args.report, target, issuer, figures)
        say(f"The report, which you can send us: {args.report}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tree", type=pathlib.Path, help="install tree (what DESTDIR names), for virtual machines")
    parser.add_argument("--kernel", default="6.1-cloud", help="Debian kernel (default: %(default)s)")
    parser.add_argument("--card", default="virtio", help="network card (default: %(default)s)")
    parser.add_argument("--lab-cache", type=pathlib.Path, default=DEFAULT_CACHE)
    parser.add_argument("--target", metavar="PREFIX", help="command prefix of a real target, e.g. 'ssh root@a'")
    parser.add_argument("--target-if", metavar="IF", default="eth0", help="its interface (default: %(default)s)")
    parser.add_argument("--issuer", metavar="PREFIX", help="command prefix of a real issuer")
    parser.add_argument("--issuer-if", metavar="IF", default="eth0", help="its interface (default: %(default)s)")
    parser.add_argument("--report", type=pathlib.Path, metavar="FILE",
                        help="write a report (default on real machines: oobnet-report.txt)")
    args = parser.parse_args()
    if bool(args.target) != bool(args.issuer):
        parser.error("--target and --issuer go together")
    if not args.target and not args.tree:
        parser.error("--tree is needed for virtual machines")
    if args.target and not args.report:
        args.report = pathlib.Path("oobnet-report.txt")
    sys.stdout.reconfigure(line_buffering=True)

    try:
        (on_real_machines if args.target else in_the_lab)(args)
    except (DemoFailed, CommandFailed, CommandTimeout, LabError) as failure:
        print(f"\ndemo failed: {failure}", file=sys.stderr)
        return 1
    if not args.target:
        say("That was the page. On real machines the same commands do the same: see README.md.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
