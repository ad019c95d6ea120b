# SPDX-License-Identifier: MIT
"""make demo itself, on machines that it makes and on machines that answer to a command prefix."""

import pathlib
import subprocess

import pytest
from oobnetlab import Lab
from prefix import PrefixServer

HERE = pathlib.Path(__file__).resolve().parent
DEMO = ["/usr/bin/python3", "-B", HERE / "demo.py"]


def run_demo(*args):
    return subprocess.run([str(a) for a in (*DEMO, *args)], text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=400)


@pytest.fixture(scope="module")
def pair(tree, lab_cache, tmp_path_factory):
    """Two machines of the lab, and the options that make them look like real ones to the demo."""
    path = tmp_path_factory.mktemp("demo") / "prefix"
    with Lab("6.1-cloud", "virtio", tree=tree, cache=lab_cache) as lab:
        for machine in (lab.target, lab.issuer):
            lab.up(machine)
        server = PrefixServer(path, lab.machines)
        prefix = f"/usr/bin/python3 -B {HERE / 'prefix.py'} {path}"
        yield lab, ["--target", f"{prefix} target", "--issuer", f"{prefix} issuer"]
        server.close()


def test_demo_in_the_lab(tree, lab_cache):
    done = run_demo("--tree", tree, "--lab-cache", lab_cache)
    assert done.returncode == 0, done.stdout + done.stderr
    for line in ("target | # evl net -ei eth0.42", "target | [0] count=84, proto=0x800,",
                 "=> the program answers: 6 of 6", "=> nobody answers: 0 of 6", "=> the kernel answers: 6 of 6"):
        assert line in done.stdout, done.stdout


def test_demo_on_real_machines(pair, tmp_path):
    lab, options = pair
    report = tmp_path / "report.txt"
    done = run_demo(*options, "--report", report)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "=> the program answers: 6 of 6" in done.stdout
    text = report.read_text()
    for part in ("mode: native, copy", "6 of 6 answered; answered by oob-net-icmp", "driver: virtio_net",
                 "kernel: Linux 6.1"):
        assert part in text, text
    # Both machines are as they were.
    for machine in (lab.target, lab.issuer):
        assert machine.run("ip link show eth0.42").status != 0
    assert lab.target.run("evl net -n").text == ""
    assert "evl" not in lab.target.check("ls /sys/class").text.split()


def test_demo_refuses_before_it_changes_anything(pair):
    lab, options = pair
    wrong = run_demo(*options, "--issuer-if", "eno2")
    assert wrong.returncode == 1 and "eno2 is not there" in wrong.stderr
    lab.target.check("ip link add link eth0 name eth0.42 type vlan id 42")
    taken = run_demo(*options)
    assert taken.returncode == 1 and "eth0.42 exists already" in taken.stderr
    lab.target.check("ip link del eth0.42")
    no_prefix = run_demo("--target", "/nonexistent/prefix", "--issuer", "false")
    assert no_prefix.returncode == 1
