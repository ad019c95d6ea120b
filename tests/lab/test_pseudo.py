# SPDX-License-Identifier: MIT
"""EVL's pseudo-files on Debian's kernels: the page's own line, as typed, and oob_port of a real VLAN device."""

import signal

import pytest
from pairs import CLOUD, on_pairs

pytestmark = on_pairs(CLOUD)

TARGET, ISSUER = "10.10.10.11", "10.10.10.10"
RESPONDER = "/usr/evl/tidbits/oob-net-icmp"
PORT = "/run/oobnet/class/net/eth0.42/oob_port"
PING = ["ping", "-c", "20", "-i", "0.05", "-W", "2", TARGET]


@pytest.fixture(scope="module")
def wired(lab):
    for machine, address in ((lab.target, TARGET), (lab.issuer, ISSUER)):
        lab.vlan_up(machine, vid=42, addr=f"{address}/24")
    lab.reachable(lab.issuer, TARGET)
    return lab


@pytest.fixture
def target(wired):
    yield wired.target
    wired.target.run("evl net -di eth0.42")
    wired.target.check("evl net --no-sysfs")
    wired.target.check("evl net -N")


def answered_by_the_program(lab):
    job = lab.target.start(f"exec {RESPONDER} -i eth0.42")
    job.wait_output("listening to interface eth0.42\n", 20)
    lab.reachable(lab.issuer, TARGET)
    assert " 20 received, 0% packet loss" in lab.issuer.check(PING).text
    assert job.output().count(b"count=84,") >= 20
    job.kill(signal.SIGINT)
    assert job.wait(10).status == 0
    assert lab.issuer.run(["ping", "-c", "2", "-i", "0.2", "-W", "1", TARGET]).status == 1


def test_the_line_of_the_page(wired, target):
    classes = target.check("ls /sys/class").text.split()
    target.check("evl net -ei eth0.42")
    target.check("evl net --sysfs")
    assert sorted(target.check("ls /sys/class").text.split()) == sorted(classes + ["evl"])
    target.check('sh -c "echo 42 > /sys/class/evl/net/vlans"')
    assert target.check("cat /sys/class/evl/net/vlans").text == "42\n"
    answered_by_the_program(wired)

    # The kernel's own classes work as ever, and new interfaces are seen.
    target.check("ip link add link eth0 name eth0.77 type vlan id 77")
    index = target.check("cat /sys/devices/virtual/net/eth0.77/ifindex").text
    assert target.check("cat /sys/class/net/eth0.77/ifindex").text == index
    target.check("ip link del eth0.77")

    assert target.run('sh -c "echo 4095 > /sys/class/evl/net/vlans"').status != 0
    assert target.check("evl net -n").text == "42\n"
    target.check("evl net --no-sysfs")
    assert target.check("ls /sys/class").text.split() == classes


def test_oob_port(wired, target):
    target.check("evl net -N42")
    assert target.check(f"cat {PORT}").text == "0\n"
    target.check(f"echo 1 > {PORT}")
    assert target.check(f"cat {PORT}").text == "1\n"
    answered_by_the_program(wired)
    target.check(f"echo 0 > {PORT}")
    assert target.check(f"cat {PORT}").text == "0\n"
    wired.reachable(wired.issuer, TARGET)  # the kernel answers again


def test_undone_when_the_daemon_is_killed(wired, target):
    classes = target.check("ls /sys/class").text
    target.check("evl net -ei eth0.42 --sysfs -N42")
    target.check("kill -9 $(pidof oobnetd)")
    target.check("until ! grep -q ^oobnet /proc/mounts; do sleep 0.1; done", timeout=10)
    assert target.check("ls /sys/class").text == classes
    assert target.run("pidof oobclass").status == 1
