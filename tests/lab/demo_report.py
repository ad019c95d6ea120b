# SPDX-License-Identifier: MIT
"""The report of a demo: what somebody else needs to know in order to believe, compare or help."""

import json
import time

PHASES = (("out_of_band", "answered by oob-net-icmp, out-of-band"),
          ("nobody", "no program running: nothing is to be answered"),
          ("in_band", "port disabled: answered by the kernel"))

# name -> command, on both machines
FACTS = {
    "kernel": "uname -srvm",
    "distribution": ". /etc/os-release 2>/dev/null && echo \"$PRETTY_NAME\"",
    "command line": "cat /proc/cmdline",
    "processors": "grep -c ^processor /proc/cpuinfo",
    "processor": "sed -n 's/^model name.*: //p' /proc/cpuinfo | head -n 1",
    "driver": "ethtool -i {interface} | head -n 4",
    "offloads": "ethtool -k {interface} | grep -E 'vlan|checksumming'",
    "coalescing": "ethtool -c {interface} 2>&1 | grep -E '^(Adaptive|rx-usecs|tx-usecs):'",
    "load": "cat /proc/loadavg",
}


def fact(side, command):
    result = side.machine.run(command.format(interface=side.interface))
    return result.out.decode(errors="replace").strip() or "(not known)"


def describe(side):
    lines = [f"{side.machine.name}: interface {side.interface}"]
    for name, command in FACTS.items():
        value = fact(side, command).splitlines()
        lines.append(f"  {name}: {value[0]}")
        lines += [f"  {'':{len(name)}}  {line}" for line in value[1:]]
    return lines


def describe_ping(figures):
    for phase, what in PHASES:
        done = figures[phase]
        rtt = done["rtt_ms"]
        text = f"  {done['answered']} of {done['sent']} answered; {what}"
        if rtt:
            text += f"; rtt min/avg/max/mdev {rtt['min']}/{rtt['avg']}/{rtt['max']}/{rtt['mdev']} ms"
        yield text


def write_report(path, target, issuer, figures):
    port = figures["port"]
    mode = f"{'native' if port['native'] else 'generic'}, {'zero-copy' if port['zero_copy'] else 'copy'}"
    lines = ["oobnet: report of an out-of-band ping", time.strftime("%Y-%m-%d %H:%M:%S %z"), "",
             f"mode: {mode}; oob capability: {'yes' if port['oob_capable'] else 'no, lacks ' + ', '.join(port['lacks'])}",
             f"offloads turned off: {', '.join(port['offloads_off']) or 'none'}", "", "ping, 56 bytes, every 0.2 s:",
             *describe_ping(figures), "  (do not compare round trips of so few packets: see the man page oobnet(7))", "",
             *describe(target), "", *describe(issuer), "", "figures (JSON):", json.dumps(figures, indent=1)]
    path.write_text("\n".join(lines) + "\n")
