# SPDX-License-Identifier: MIT
"""The lab itself: machines start, reach each other, and report exactly what happened on them."""

import os
import re
import signal
import time

import pytest
from oobnetlab import CommandFailed, CommandTimeout
from pairs import CLOUD, RT_E1000, on_pairs

pytestmark = on_pairs(CLOUD, RT_E1000)

EVERY_BYTE = bytes(range(256))


@pytest.fixture(scope="module")
def vlan(lab):
    """VLAN 42 between the machines, besides untagged addresses."""
    lab.up(lab.target, addr="192.168.77.1/24")
    lab.up(lab.issuer, addr="192.168.77.2/24")
    lab.vlan_up(lab.target, vid=42, addr="10.10.10.11/24")
    lab.vlan_up(lab.issuer, vid=42, addr="10.10.10.10/24")
    return lab


def test_machines_are_what_was_asked_for(lab):
    for machine in lab.machines.values():
        release = machine.check("uname -rv").text
        assert lab.kernel.split("-")[0] in release
        assert ("PREEMPT_RT" in release) == lab.kernel.endswith("-rt")
        driver = machine.check("ethtool -i eth0").text
        assert f"driver: {'virtio_net' if lab.card == 'virtio' else lab.card}\n" in driver
        assert machine.check("hostname").text == f"{machine.name}\n"


def test_addresses_differ(lab):
    macs = {m.check("cat /sys/class/net/eth0/address").text for m in lab.machines.values()}
    assert len(macs) == len(lab.machines)


@pytest.mark.parametrize("sender, address", [("issuer", "10.10.10.11"), ("target", "10.10.10.10"),
                                             ("issuer", "192.168.77.1"), ("target", "192.168.77.2")])
def test_ping_in_band(vlan, sender, address):
    machine = vlan.machines[sender]
    vlan.reachable(machine, address)
    out = machine.check(f"ping -c 20 -i 0.05 {address}").text
    assert "20 packets transmitted, 20 received, 0% packet loss" in out


def test_vlan_frames_are_tagged(vlan):
    """Seen from the other side's real device: with the tag, and only with that of the VLAN."""
    capture = vlan.target.start("tcpdump -i eth0 -c 4 -nn -e -l icmp or vlan and icmp")
    vlan.issuer.check("until ping -c 1 -W 1 10.10.10.11; do :; done")
    vlan.issuer.check("ping -c 2 -i 0.2 10.10.10.11")
    lines = capture.wait(30).text.splitlines()
    assert len(lines) == 4
    assert all(re.search(r"vlan 42\b", line) for line in lines)


def test_real_tools_win(lab):
    """By plain name, and when another program starts them."""
    for prefix in ("", "timeout 5 ", "env ", "echo -V | xargs "):
        assert "iputils" in lab.target.check(f"{prefix}ping -V").text
        assert "iproute2" in lab.target.check(f"{prefix}ip -V").text


@pytest.mark.parametrize("command, status", [
    ("exit 0", 0), ("exit 1", 1), ("exit 255", 255), ("kill -KILL $$", -signal.SIGKILL),
    (["sh", "-c", "exit 7"], 7), (["no-such-program"], 127), (["/etc/passwd"], 126),
])
def test_exit_status_is_exact(lab, command, status):
    assert lab.target.run(command).status == status


def test_check_raises_with_output(lab):
    with pytest.raises(CommandFailed, match="(?s)status 3.*on stdout.*on stderr") as failure:
        lab.target.check("echo on stdout; echo on stderr >&2; exit 3")
    assert failure.value.result.status == 3


def test_streams_are_binary_and_apart(lab):
    lab.target.write_file("/tmp/bytes", EVERY_BYTE)
    result = lab.target.run("cat /tmp/bytes; cat /tmp/bytes /tmp/bytes >&2")
    assert result.out == EVERY_BYTE
    assert result.err == EVERY_BYTE * 2


def test_arguments_are_not_reinterpreted(lab):
    arguments = ["printf", "%s|", "a b", "", "$HOME", "\n", "'\"", "\\", "grün"]
    assert lab.target.check(arguments).text == "".join(f"{a}|" for a in arguments[2:])


def test_files_both_ways(lab, tmp_path):
    data = os.urandom(5_000_003)
    local = tmp_path / "data"
    local.write_bytes(data)
    local.chmod(0o751)
    lab.issuer.put(local, "/root/new/place/data")
    assert lab.issuer.check("stat -c '%a %s' /root/new/place/data").text == "751 5000003\n"
    lab.issuer.get("/root/new/place/data", tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == data


def test_timeout_is_reported_and_the_machine_still_answers(lab):
    begin = time.monotonic()
    with pytest.raises(CommandTimeout, match="sleep 1000") as late:
        lab.target.run("echo early; sleep 1000 & sleep 1000", timeout=1)
    assert late.value.out == b"early\n"
    assert time.monotonic() - begin < 60
    assert lab.target.run("pidof sleep").status == 1
    assert lab.target.check("echo here").text == "here\n"


def test_jobs_run_side_by_side(lab):
    first = lab.target.start("echo ready; read line; echo got $line; exit 4")
    second = lab.target.start(["sleep", "1000"])
    first.wait_output("^ready$")
    assert first.running() and second.running()
    first.write(b"it\n")
    result = first.wait()
    assert (result.status, result.out) == (4, b"ready\ngot it\n")
    assert lab.target.run(["kill", "-0", str(second.pid)]).status == 0
    second.kill(signal.SIGINT)
    assert second.wait().status == -signal.SIGINT


def test_what_daemons_hold_does_not_delay_the_end(lab):
    result = lab.target.run("sleep 1000 & echo $!")
    assert result.status == 0
    assert lab.target.run(["kill", result.text.strip()]).status == 0


def test_wait_output_of_a_command_that_ends(lab):
    with pytest.raises(CommandFailed, match="status 5"):
        lab.target.start("echo other; exit 5").wait_output("never")


def test_answers_while_real_time_programs_spin(lab):
    spinners = [lab.target.start(["chrt", "-f", "60", "sh", "-c", "while :; do :; done"])
                for _ in range(2)]
    assert lab.target.check("echo here").text == "here\n"
    for job in spinners:
        job.kill(signal.SIGKILL)
        assert job.wait().status == -signal.SIGKILL
