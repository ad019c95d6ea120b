# SPDX-License-Identifier: MIT
"""The page's programmatic way: a program alone, with no daemon and no `evl` before."""

import pathlib
import subprocess

import pytest
from oobnetlab import Lab

TARGET, ISSUER = "10.10.10.11", "10.10.10.10"
SOURCE = pathlib.Path(__file__).resolve().parent / "alone.c"


@pytest.fixture
def pair(tree, lab_cache):
    with Lab("6.1-cloud", "virtio", tree=tree, cache=lab_cache) as lab:
        lab.vlan_up(lab.target, addr=f"{TARGET}/24")
        lab.vlan_up(lab.issuer, addr=f"{ISSUER}/24")
        lab.reachable(lab.issuer, TARGET)
        yield lab


def test_alone(pair, tree, tmp_path):
    prefix = tree / "usr/evl"
    program = tmp_path / "alone"
    subprocess.run(["gcc", "-Wall", "-Wextra", "-Werror", "-o", program, SOURCE, f"-I{prefix}/include",
                    f"-L{prefix}/lib", "-levl", "-Wl,-rpath,/usr/evl/lib"], check=True)
    pair.target.put(program, "/tmp/alone")
    assert pair.target.run("pidof oobnetd").status == 1

    job = pair.target.start("exec /tmp/alone eth0.42 100")
    job.wait_output("listening: port 1", 20)
    sent = pair.issuer.check(["ping", "-q", "-c", "100", "-i", "0.02", TARGET], timeout=60).text
    assert "100 packets transmitted, 100 received, 0% packet loss" in sent
    job.wait_output(r"closed: port 1, received 100, sent 100\n", 10)
    # The port stays: nobody answers, and the kernel does not either.
    assert pair.issuer.run(["ping", "-q", "-c", "3", "-i", "0.2", "-W", "1", TARGET]).status == 1
    job.write(b"\n")
    assert job.wait(20).status == 0
    assert job.output().endswith(b"disabled\n")
    pair.reachable(pair.issuer, TARGET)
