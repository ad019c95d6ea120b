# SPDX-License-Identifier: MIT
"""Command line of the lab, for looking around: fetch kernels, run commands on a fresh pair of machines."""

import argparse
import pathlib
import sys
import time

from . import CommandTimeout, Lab, LabError
from .kernels import DEFAULT_KERNELS, KERNELS, get_kernel
from .lab import DEFAULT_CACHE


def _parser():
    parser = argparse.ArgumentParser(prog="oobnetlab", description="virtual machines on one segment")
    parser.add_argument("--kernel", choices=KERNELS, default="6.1-cloud")
    parser.add_argument("--card", default="virtio")
    parser.add_argument("--tree", type=pathlib.Path, metavar="DIR", help="install tree to put into them")
    parser.add_argument("--cache", type=pathlib.Path, metavar="DIR", default=DEFAULT_CACHE)
    parser.add_argument("--pcap", type=pathlib.Path, metavar="FILE", help="capture of the segment")
    parser.add_argument("--names", default="target,issuer", help="names of the machines")
    parser.add_argument("--timeout", type=float, default=60, help="seconds for each command")
    actions = parser.add_subparsers(dest="action", required=True)
    fetch = actions.add_parser("fetch", help="fetch and unpack kernels")
    fetch.add_argument("kernels", nargs="*", metavar="KERNEL",
                       help=f"of {', '.join(KERNELS)} (default: {' '.join(DEFAULT_KERNELS)})")
    run = actions.add_parser("run", help="start machines and run commands, in order")
    run.add_argument("commands", nargs="+", metavar="MACHINE:COMMAND",
                     help="`vlan` for COMMAND makes VLAN 42 there: 10.10.10.11, 10.10.10.10, ...")
    return parser


def _run(options, progress):
    names = options.names.split(",")
    commands = [c.partition(":") for c in options.commands]
    unknown = [c[0] for c in commands if c[0] not in names]
    if unknown:
        raise LabError(f"no machine {unknown[0]}: there are {', '.join(names)}")
    worst = 0
    with Lab(options.kernel, options.card, options.tree, names, options.cache, options.pcap,
             progress) as lab:
        for name, _, command in commands:
            machine = lab.machines[name]
            progress(f"{name}: {command}")
            if command == "vlan":
                number = names.index(name)
                lab.vlan_up(machine, addr=f"10.10.10.{11 - number if number < 2 else 10 + number}/24")
                continue
            result = machine.run(command, options.timeout)
            sys.stdout.buffer.write(result.out)
            sys.stdout.flush()
            sys.stderr.buffer.write(result.err)
            sys.stderr.flush()
            if result.status:
                progress(f"{name}: status {result.status}")
                worst = worst or (result.status if result.status > 0 else 128 - result.status)
    return worst


def main():
    options = _parser().parse_args()
    begin = time.monotonic()

    def progress(line):
        print(f"[{time.monotonic() - begin:5.1f} s] {line}", file=sys.stderr, flush=True)

    try:
        if options.action == "fetch":
            for name in options.kernels or DEFAULT_KERNELS:
                kernel = get_kernel(name, options.cache, progress)
                progress(f"{name}: {kernel.package} is there")
            return 0
        return _run(options, progress)
    except (LabError, CommandTimeout) as error:
        print(f"oobnetlab: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
