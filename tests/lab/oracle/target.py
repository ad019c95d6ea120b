# SPDX-License-Identifier: MIT
"""Commands for the target: nothing that would make the kernel's answers a matter of time or of other settings."""

# No limits on ICMP errors; no fragment may time out within the test; Debian's and the kernel's defaults otherwise.
SYSCTLS = {
    "net.ipv4.icmp_ratemask": 0, "net.ipv4.icmp_ratelimit": 0, "net.ipv4.ipfrag_time": 3600,
    "net.ipv4.ipfrag_high_thresh": 256 << 20, "net.ipv4.ipfrag_max_dist": 0,
    "net.ipv4.conf.all.rp_filter": 0, "net.ipv4.conf.default.rp_filter": 0, "net.ipv4.ip_forward": 0,
    "net.ipv4.conf.all.accept_redirects": 0, "net.ipv4.conf.default.accept_redirects": 0,
    "net.ipv4.conf.all.log_martians": 0, "net.ipv4.icmp_echo_ignore_all": 0,
    "net.ipv4.icmp_echo_ignore_broadcasts": 1,
}


def mac_text(mac):
    return ":".join(f"{b:02x}" for b in mac)


def settings(*devices):
    """Arguments of sysctl. What a device has copied from `default` when it was made is set, too."""
    per_device = {f"net/ipv4/conf/{dev}/{name}": 0 for dev in devices for name in ("rp_filter", "accept_redirects")}
    return ["sysctl", "-qw", *(f"{k}={v}" for k, v in (SYSCTLS | per_device).items())]


def neighbours(who, port, other):
    """Input of `ip -batch -`: everyone's MAC address is known, so that ARP makes no difference."""
    mac = mac_text(who.issuer_mac)
    prefix = who.network.rsplit(".", 1)[0]
    hosts = [f"{prefix}.{n}" for n in range(255)]
    lines = [f"neigh replace {host} lladdr {mac} dev {port} nud permanent" for host in hosts if host != who.target]
    lines.append(f"neigh replace {who.other_neighbour} lladdr {mac} dev {other} nud permanent")
    return "".join(f"{line}\n" for line in lines)


def default_route(who, port):
    return ["ip", "route", "replace", "default", "via", who.issuer, "dev", port]
