# SPDX-License-Identifier: MIT
"""evl check, --dry-run, and the warnings of -N and -e, with real VLAN devices, on kernels that tell less."""

import json
import re

import pytest
from pairs import CLOUD, RT_E1000, on_pairs

pytestmark = on_pairs(CLOUD, RT_E1000)

TARGET = "10.10.10.11"
DRY = "evl net -e -i eth0.42 --dry-run"


@pytest.fixture(scope="module")
def wired(lab):
    lab.up(lab.target, addr="192.168.77.1/24")
    lab.up(lab.issuer, addr="192.168.77.2/24")
    lab.vlan_up(lab.target, vid=42, addr=f"{TARGET}/24")
    lab.vlan_up(lab.target, vid=43, addr="10.10.43.11/24")
    yield lab


@pytest.fixture
def target(wired):
    yield wired.target
    for vid in (42, 43):
        wired.target.run(f"evl net -di eth0.{vid}")
    wired.target.check("evl net -N")
    wired.wait_carrier(wired.target, "eth0")


@pytest.fixture
def listener(target):
    """An in-band TCP server on the VLAN's address, a UDP one, one on the device, one on every address."""
    jobs = [target.start(f"exec socat -u {where} STDOUT") for where in (
        f"TCP4-LISTEN:7,bind={TARGET}", f"UDP4-RECV:9,bind={TARGET}", "UDP4-RECV:68,so-bindtodevice=eth0.42",
        "TCP4-LISTEN:22,fork")]
    target.check("for n in $(seq 50); do test $(ss -Htuln | wc -l) -ge 4 && exit 0; sleep 0.1; done; exit 1")
    yield jobs
    for job in jobs:
        job.kill(9)
        job.wait(10)


def items(array):
    return {item["name"]: item for item in array}


def interface(target, *args):
    found = json.loads(target.check(["evl", "check", "--json", "-i", "eth0.42", *args]).text)["interfaces"]
    assert [i["name"] for i in found] == ["eth0"]
    return found[0]["driver"], items(found[0]["items"])


def test_check(target, request):
    """Nothing needed is missing. Linux 6.1 does not tell about XDP: then nothing is claimed."""
    driver, here = interface(target)
    virtio = "virtio" in request.node.callspec.id
    assert driver == ("virtio_net" if virtio else "e1000")
    assert here["native XDP"]["state"] == here["zero-copy"]["state"] == "unknown"
    assert here["native XDP"]["remedy"] == "evl check --live -i eth0"
    assert here["tag stripping"]["found"].startswith("rx-vlan-offload is " + ("off" if virtio else "on; "))
    machine = items(json.loads(target.check("evl check --json").text)["machine"])
    assert machine["PREEMPT_RT"]["state"] == ("ok" if "6.1-rt" in request.node.callspec.id else "missing")
    assert all(machine[name]["state"] == "ok" for name in ("kernel", "AF_XDP", "memlock", "BPF", "interfaces"))


def test_live_is_what_enabling_finds(target):
    tried = interface(target, "--live")[1]
    assert "prog/xdp" not in target.check("ip link show eth0").text
    target.check("evl net -ei eth0.42")
    port = json.loads(target.check("evl net -Q -i eth0.42 --json").text)["port"]
    assert (tried["native XDP"]["state"] == "ok") == port["native"]
    assert (tried["zero-copy"]["state"] == "ok") == port["zero_copy"]
    assert tried["receive queues"]["found"] == str(len(port["queues"]))


def test_dry_run(target, request):
    target.check("ip link set eth0.42 down")
    told = target.check(DRY).text
    assert "VLAN 42 of eth0 " in told and "unknown until tried" in told
    assert ("link         will be reset" if "e1000" in request.node.callspec.id else "link         may be reset") in told
    assert "still to do  eth0.42 is down: ip link set eth0.42 up" in told
    assert "prog/xdp" not in target.check("ip link show eth0").text
    target.check("ip link set eth0.42 up")


def test_dry_run_of_a_second_port(target):
    """It knows what the device is given already."""
    target.check("evl net -ei eth0.43 -b 2048")
    told = json.loads(target.check(f"{DRY} -b 4096 --json").text)["dry_run"]
    assert told["frame_size"] == 2048 and told["link_reset"] is False and "frames" not in told
    same = target.run("evl net -e -i eth0 --vid 43 --dry-run")
    assert same.status == 1 and "VLAN 43 of eth0 is the port eth0.43 already" in same.errtext
    assert same.errtext == target.run("evl net -e -i eth0 --vid 43").errtext


LINES = [r"evl-net: socat (pid {}) listens on 10.10.10.11:7 (TCP): silent from now on, VLAN 42 is out-of-band",
         r"evl-net: socat (pid {}) receives on 10.10.10.11:9 (UDP): silent from now on, VLAN 42 is out-of-band",
         r"evl-net: socat (pid {}) receives on *%eth0.42:68 (UDP): silent from now on, VLAN 42 is out-of-band",
         r"evl-net: sockets bound to every address lose VLAN 42, too: 1 of them"]


def warnings(result):
    assert result.status == 0, result.errtext
    return sorted(result.errtext.splitlines())


def test_warnings(target, listener):
    """By -N where the port is there, by -e where the VLAN is monitored; once, and of this VLAN only."""
    expected = sorted(line.format(job.pid) for line, job in zip(LINES, listener))
    target.check("evl net -ei eth0.43")
    assert warnings(target.run("evl net -N43")) == []
    assert warnings(target.run("evl net -ei eth0.42")) == []
    assert warnings(target.run("evl net -N42,43")) == expected
    assert warnings(target.run("evl net -N42")) == []  # it was taken before
    assert warnings(target.run("evl net -ei eth0.42")) == []
    target.check("evl net -di eth0.42")
    assert warnings(target.run("evl net -ei eth0.42")) == expected
    target.check("evl net -N")
    done = target.run("evl net -N42 --json")
    assert warnings(done) == []
    assert sorted("evl-net: " + w for w in json.loads(done.text)["warnings"]) == expected


def test_warning_of_a_connection(target, wired):
    wired.vlan_up(wired.issuer, vid=42, addr="10.10.10.10/24")
    wired.reachable(wired.issuer, TARGET)
    server = target.start(f"exec socat TCP4-LISTEN:7,bind={TARGET} PIPE")
    client = wired.issuer.start(f"exec socat -u TCP4:{TARGET}:7,retry=20,interval=0.2 STDOUT")
    target.check("for n in $(seq 100); do ss -Htn state established | grep -q . && exit 0; sleep 0.1; done; exit 1")
    target.check("evl net -ei eth0.42")
    [line] = warnings(target.run("evl net -N42"))
    assert re.fullmatch(rf"evl-net: socat \(pid {server.pid}\) is connected from {re.escape(TARGET)}:7 to "
                        r"10\.10\.10\.10:\d+ \(TCP\): silent from now on, VLAN 42 is out-of-band", line)
    for job in (server, client):
        job.kill(9)
        job.wait(10)
