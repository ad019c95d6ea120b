# SPDX-License-Identifier: MIT
"""The out-of-band ping between two machines, on Debian's kernels, with real ping and real VLAN devices."""

import json
import re
import signal
import time

import pytest

TARGET, ISSUER = "10.10.10.11", "10.10.10.10"
TARGET_43, ISSUER_43 = "10.10.43.11", "10.10.43.10"
TARGET_UNTAGGED, ISSUER_UNTAGGED = "192.168.77.1", "192.168.77.2"
RESPONDER = "/usr/evl/tidbits/oob-net-icmp"
SIZES = (56, 1372, 0)  # bytes of data
TRANSFER_MIB = 8
CAPTURE_DELAY = 2  # seconds; tcpdump gets packets in blocks, the last one by a timeout of 1 s


def features(lab):
    text = lab.target.check(["ethtool", "-k", "eth0"]).text
    return dict(re.findall(r"^\s*([\w-]+): (on|off)", text, re.M))


def status(lab):
    return json.loads(lab.target.check("evl net -Q -i eth0.42 --json").text)["port"]


def is_attached(lab):
    return "prog/xdp" in lab.target.check(["ip", "link", "show", "eth0"]).text


def pinged(result):
    """(transmitted, received, duplicates) of a ping."""
    sent, received = re.search(r"(\d+) packets transmitted, (\d+) received", result.text).groups()
    duplicates = re.search(r"\+(\d+) duplicates", result.text)
    return int(sent), int(received), int(duplicates[1]) if duplicates else 0


def until(condition, what, timeout=20.0):
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, f"not within {timeout} s: {what}"
        time.sleep(0.2)


@pytest.fixture(scope="module")
def wired(lab):
    """Both machines with untagged addresses and VLAN devices 42 and 43."""
    lab.up(lab.target, addr=f"{TARGET_UNTAGGED}/24")
    lab.up(lab.issuer, addr=f"{ISSUER_UNTAGGED}/24")
    for vid, target, issuer in ((42, TARGET, ISSUER), (43, TARGET_43, ISSUER_43)):
        lab.vlan_up(lab.target, vid=vid, addr=f"{target}/24")
        lab.vlan_up(lab.issuer, vid=vid, addr=f"{issuer}/24")
    lab.reachable(lab.issuer, TARGET)
    return lab


@pytest.fixture
def port(wired):
    """The page's set-up; undone at the end, whatever the test left."""
    before = features(wired)
    wired.target.check("evl net -ei eth0.42")
    wired.target.check("evl net -N42")
    yield wired
    wired.target.run("evl net -di eth0.42")
    assert not is_attached(wired)
    assert features(wired) == before
    wired.target.check("evl net -N")


@pytest.fixture
def responder(port):
    job = port.target.start(f"exec {RESPONDER} -s -i eth0.42")
    job.wait_output("listening to interface eth0.42\n", 20)
    port.reachable(port.issuer, TARGET)
    yield job
    if job.running():
        job.kill(signal.SIGKILL)
        job.wait(10)


def test_thousand_pings(port, responder):
    """A thousand at 10 ms, of each of three sizes at once: none lost, none duplicated, while the rest of the
    card's traffic goes on undisturbed."""
    lab = port
    capture = lab.issuer.start("exec tcpdump -i eth0 -s 64 -B 16384 -w /tmp/seen.pcap -U vlan 42 and ip "
                               "2>/tmp/tcpdump.log")
    until(lambda: lab.issuer.run("grep -q listening /tmp/tcpdump.log").status == 0, "the capture runs")
    before = status(lab)

    lab.target.check(f"head -c {TRANSFER_MIB}M /dev/urandom >/tmp/data; rm -f /tmp/copy")
    sums = lab.target.check("sha256sum </tmp/data").text
    server = lab.issuer.start("exec socat -u TCP-LISTEN:7000,reuseaddr CREATE:/tmp/copy")
    until(lambda: lab.issuer.run("ss -Hltn | grep -q :7000").status == 0, "the TCP server listens")
    pings = {f"oob {size}": lab.issuer.start(f"exec ping -q -c 1000 -i 0.01 -s {size} {TARGET}") for size in SIZES}
    pings["untagged"] = lab.issuer.start(f"exec ping -q -c 50 -i 0.1 {TARGET_UNTAGGED}")
    pings["VLAN 43"] = lab.issuer.start(f"exec ping -q -c 50 -i 0.1 {TARGET_43}")
    lab.target.check(f"socat -u OPEN:/tmp/data TCP:{ISSUER_UNTAGGED}:7000", timeout=120)
    server.wait(120)
    results = {name: pinged(job.wait(180)) for name, job in pings.items()}
    after = status(lab)
    expected = {f"oob {size}": (1000, 1000, 0) for size in SIZES}
    expected |= {"untagged": (50, 50, 0), "VLAN 43": (50, 50, 0)}
    # Without room for a time stamp ping knows no round trip, and waits for the last reply no longer than for
    # the next request, 10 ms, which may be too short here. The capture tells whether it came.
    if results["oob 0"] == (1000, 999, 0):
        expected["oob 0"] = (1000, 999, 0)
    assert results == expected, f"before {before}\nafter {after}"
    assert lab.issuer.check("sha256sum </tmp/copy").text == sums

    time.sleep(CAPTURE_DELAY)
    capture.kill(signal.SIGINT)
    capture.wait(20)
    assert "\n0 packets dropped by kernel" in lab.issuer.check("cat /tmp/tcpdump.log").text
    captured = {kind: int(lab.issuer.check(f"tcpdump -r /tmp/seen.pcap 'vlan 42 and icmp[icmptype] == icmp-{kind}' "
                                           "2>/dev/null | wc -l").text) for kind in ("echo", "echoreply")}
    assert captured == {"echo": 1000 * len(SIZES), "echoreply": 1000 * len(SIZES)}
    assert after["rx_packets"] - before["rx_packets"] == captured["echo"]
    assert after["tx_packets"] - before["tx_packets"] == 1000 * len(SIZES)


def test_kernel_answers_arp(port, responder):
    port.issuer.check("ip neigh flush dev eth0.42")
    assert port.issuer.run(["ping", "-c", "1", "-W", "5", TARGET]).status == 0
    assert "lladdr 52:54:00:0b:00:01" in port.issuer.check(f"ip neigh show {TARGET}").text


def test_the_page_prints(port):
    job = port.target.start(f"exec {RESPONDER} -i eth0.42")
    job.wait_output("listening to interface eth0.42\n", 20)
    port.reachable(port.issuer, TARGET)
    # The trace comes behind the replies: only the numbers of the last two lines are known.
    port.issuer.check(["ping", "-c", "2", "-i", "0.3", TARGET])
    answered = status(port)["tx_packets"]
    until(lambda: job.output().count(b"\n") >= answered + 1, "a line for each reply")
    ifindex = port.target.check("cat /sys/class/net/eth0/ifindex").text.strip()
    lines = job.output().decode().splitlines()[1:]
    assert len(lines) == answered
    for n, line in enumerate(lines):
        assert re.fullmatch(rf"\[{n}\] count=84, proto=0x800, ifindex=" + ifindex +
                            r", type=0, halen=6, mac=52:54:00:0b:00:02", line), line
    job.kill(signal.SIGINT)
    assert job.wait(10).status == 0
    # Nobody answers: what is out-of-band never falls back in-band.
    assert port.issuer.run(["ping", "-c", "3", "-i", "0.2", "-W", "1", TARGET]).status == 1


def test_offload_and_restoring(wired):
    """rx-vlan-offload is on where the card has it; the port works, and -d puts it back."""
    before = features(wired)
    if wired.card == "e1000":
        assert before["rx-vlan-offload"] == "on"
    wired.target.check("evl net -ei eth0.42")
    assert features(wired)["rx-vlan-offload"] == "off"
    text = wired.target.check("evl net -Q -i eth0.42").text
    assert ("generic" if wired.card == "e1000" else "native") in text
    assert text.startswith("oob capability: no\n")
    wired.target.check("evl net -di eth0.42")
    assert features(wired) == before
    wired.reachable(wired.issuer, TARGET)


def test_disabled_while_it_answers(port, responder):
    port.target.check("evl net -di eth0.42")
    ended = responder.wait(10)
    assert ended.status == 6
    assert "eth0.42 is no longer an out-of-band port: Network is down" in ended.errtext
    port.reachable(port.issuer, TARGET)  # the kernel answers again


def test_responder_killed_under_ping(port, responder):
    ping = port.issuer.start(f"exec ping -q -i 0.01 -c 500 {TARGET}")
    time.sleep(1)
    responder.kill(signal.SIGKILL)
    responder.wait(10)
    again = port.target.start(f"exec {RESPONDER} -s -i eth0.42")
    again.wait_output("listening", 20)
    answered = port.issuer.check(["ping", "-q", "-c", "50", "-i", "0.02", TARGET], timeout=60)
    assert pinged(answered) == (50, 50, 0)
    sent, received, duplicates = pinged(ping.wait(60))
    assert sent == 500 and received > 250 and duplicates == 0
    again.kill(signal.SIGKILL)
    again.wait(10)

    def home():
        frames = status(port)["frames"]
        return frames["tx_free"] == frames["tx_total"] and frames["rx_home"] == frames["rx_total"]
    until(home, "every frame of the dead program is back")


def test_daemon_killed_under_ping(port, responder):
    ping = port.issuer.start(f"exec ping -q -i 0.01 -c 500 {TARGET}")
    time.sleep(1)
    port.target.check("kill -9 $(pidof oobnetd)")
    time.sleep(1)
    assert port.target.run("pidof oobnetd").status == 1
    port.target.check("evl net -N42")
    assert status(port)["holder"]["program"] == "oob-net-icmp"
    assert pinged(ping.wait(60)) == (500, 500, 0)


def test_vlan_device_deleted(wired):
    """The program ends with its sentence; the real device is as it was, and nothing of us is left on it."""
    before = features(wired)
    wired.vlan_up(wired.target, vid=60, addr="10.10.60.11/24")
    wired.vlan_up(wired.issuer, vid=60, addr="10.10.60.10/24")
    wired.target.check("evl net -ei eth0.60; evl net -N60")
    job = wired.target.start(f"exec {RESPONDER} -s -i eth0.60")
    job.wait_output("listening", 20)
    wired.reachable(wired.issuer, "10.10.60.11")
    wired.target.check("ip link del eth0.60")
    ended = job.wait(10)
    assert ended.status == 6 and "eth0.60 is no longer an out-of-band port" in ended.errtext
    until(lambda: not is_attached(wired), "detached")
    until(lambda: features(wired) == before, "features are restored")
    assert wired.target.run("evl net -Q -i eth0.60").status == 1
    wired.target.check("evl net -N")
    wired.issuer.check("ip link del eth0.60")
    wired.reachable(wired.issuer, TARGET)


def test_all_gone_leaves_nothing(wired):
    before = features(wired)
    wired.target.check("evl net -ei eth0.42")
    wired.target.check("kill -9 $(pidof oobnetd)")
    until(lambda: wired.target.run("pidof oobkeep").status == 1, "the keeper ends, with nobody left", 30)
    until(lambda: features(wired) == before, "features are restored")
    assert not is_attached(wired)


def test_real_device_down(wired):
    wired.target.check("ip link add link eth0 name eth0.50 type vlan id 50")
    wired.target.check("ip link set eth0 down")
    refused = wired.target.run("evl net -ei eth0.50")
    wired.up(wired.target)
    assert refused.status == 1
    assert "Network is down" in refused.errtext and "ip link set eth0 up" in refused.errtext
    # Only the VLAN device is down: enabled, with a hint.
    wired.target.check("ip link set eth0.50 down")
    done = wired.target.run("evl net -ei eth0.50")
    assert done.status == 0 and "eth0.50 is down: ip link set eth0.50 up" in done.text
    wired.target.check("evl net -di eth0.50; ip link del eth0.50")
    for name in ("eth0.42", "eth0.43"):
        wired.up(wired.target, name)
    wired.reachable(wired.issuer, TARGET)
