# SPDX-License-Identifier: MIT
"""The lab when things go wrong, and beyond a plain pair: faults, crashes, more machines, captures, trees."""

import os
import pathlib
import signal
import struct
import subprocess
import sys
import textwrap
import time

import pytest
from oobnetlab import Lab, LabError, MachineError, channel, kernels
from oobnetlab.image import get_image

HERE = pathlib.Path(__file__).resolve().parent
KERNEL, CARD = "6.1-cloud", "virtio"
EXIT_TIMEOUT = 30  # seconds


def gone(pid):
    """True when the process has ended, at the latest after EXIT_TIMEOUT."""
    end = time.monotonic() + EXIT_TIMEOUT
    while time.monotonic() < end:
        try:
            state = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(") ")[-1][0]
        except (FileNotFoundError, ProcessLookupError):
            return True
        if state in "ZX":
            return True
        time.sleep(0.05)
    return False


def frames(pcap):
    """The frames in a capture file of the lab."""
    data = pcap.read_bytes()
    offset = 24
    while offset < len(data):
        length = struct.unpack_from("<I", data, offset + 8)[0]
        yield data[offset + 16:offset + 16 + length]
        offset += 16 + length


def pings_of_vlan(pcap, vid, kind):
    """ICMP messages of this type under one tag with this VLAN id."""
    found = 0
    for frame in frames(pcap):
        tagged = frame[12:14] == b"\x81\x00" and struct.unpack(">H", frame[14:16])[0] & 0xfff == vid
        if tagged and frame[16:18] == b"\x08\x00" and frame[27] == 1 and frame[38] == kind:
            found += 1
    return found


def test_panic_fails_the_call_with_the_console(lab_cache):
    with Lab(KERNEL, CARD, cache=lab_cache) as lab:
        with pytest.raises(MachineError, match="(?s)target: the machine is gone.*sysrq_handle_crash"):
            lab.target.run("echo c >/proc/sysrq-trigger; sleep 60")
        assert any("Kernel panic" in line for line in lab.target.complaints())
        assert lab.issuer.check("echo here").text == "here\n"
        assert not lab.issuer.complaints()
        with pytest.raises(MachineError):
            lab.target.run("true")


def test_hang_fails_the_call_in_bounded_time(lab_cache, monkeypatch):
    monkeypatch.setattr(channel, "ANSWER_TIMEOUT", 2)
    with Lab(KERNEL, CARD, cache=lab_cache) as lab:
        os.kill(lab.target.pid, signal.SIGSTOP)
        begin = time.monotonic()
        with pytest.raises(MachineError, match="(?s)no answer.*end of the console of target"):
            lab.target.run("true")
        assert time.monotonic() - begin < EXIT_TIMEOUT
        pids = [m.pid for m in lab.machines.values()]
    assert all(gone(pid) for pid in pids)


def test_nothing_is_left_behind_by_a_killed_test(lab_cache):
    script = textwrap.dedent(f"""\
        import time
        from oobnetlab import Lab
        with Lab({KERNEL!r}, {CARD!r}, cache={str(lab_cache)!r}, names=("a", "b", "c")) as lab:
            print(lab.workdir, *(m.pid for m in lab.machines.values()), lab.segment_pid, flush=True)
            time.sleep(1000)
        """)
    with subprocess.Popen([sys.executable, "-c", script], cwd=HERE, stdout=subprocess.PIPE,
                          text=True) as test:
        workdir, *pids = test.stdout.readline().split()
        assert os.path.exists(workdir)
        test.kill()
    assert len(pids) == 4
    assert all(gone(pid) for pid in pids)
    # What a killed process cannot remove, the next lab does; and its own it removes itself.
    with Lab(KERNEL, CARD, cache=lab_cache) as lab:
        assert not os.path.exists(workdir)
        workdir = lab.workdir
        assert workdir.exists()
    assert not workdir.exists()


def test_three_machines_and_a_capture(lab_cache, tmp_path):
    pcap = tmp_path / "segment.pcap"
    addresses = {"a": "10.10.10.1", "b": "10.10.10.2", "c": "10.10.10.3"}
    with Lab(KERNEL, CARD, cache=lab_cache, names=tuple(addresses), pcap=pcap) as lab:
        for name, address in addresses.items():
            lab.vlan_up(lab.machines[name], vid=42, addr=f"{address}/24")
        pairs = [(a, b) for a in addresses for b in addresses if a != b]
        for sender, receiver in pairs:
            out = lab.machines[sender].check(f"ping -c 3 -i 0.1 {addresses[receiver]}").text
            assert "3 packets transmitted, 3 received, 0% packet loss" in out
        assert pings_of_vlan(pcap, 42, 8) == 3 * len(pairs)
        assert pings_of_vlan(pcap, 42, 0) == 3 * len(pairs)
        assert pings_of_vlan(pcap, 43, 8) == 0


def test_labs_side_by_side_do_not_meet(lab_cache):
    with Lab(KERNEL, CARD, cache=lab_cache) as one, Lab(KERNEL, CARD, cache=lab_cache) as two:
        one.up(one.target, addr="192.168.77.1/24")
        one.up(one.issuer, addr="192.168.77.2/24")
        two.up(two.issuer, addr="192.168.77.2/24")
        one.reachable(one.issuer, "192.168.77.1")
        assert two.issuer.run("ping -c 2 -W 1 192.168.77.1").status == 1


def test_tree_comes_with_its_libraries(lab_cache, tmp_path):
    """A library of the tree is found by the program's run path, one of the host at its usual place."""
    tree = tmp_path / "tree"
    for part in ("usr/evl/bin", "usr/evl/lib"):
        (tree / part).mkdir(parents=True)
    (tmp_path / "lib.c").write_text("int answer(void) { return 42; }\n")
    (tmp_path / "main.c").write_text("#include <stdio.h>\n#include <cap-ng.h>\nint answer(void);\n"
                                     "int main(void) { printf(\"%d %d\\n\", answer(),"
                                     " capng_have_capability(CAPNG_EFFECTIVE, CAP_NET_RAW)); }\n")
    lib = tree / "usr/evl/lib/libanswer.so.1"
    subprocess.run(["gcc", "-shared", "-fPIC", "-Wl,-soname,libanswer.so.1", "-o", lib,
                    tmp_path / "lib.c"], check=True)
    subprocess.run(["gcc", "-o", tree / "usr/evl/bin/answer", tmp_path / "main.c", lib, "-lcap-ng",
                    "-Wl,-rpath,/usr/evl/lib"], check=True)
    (tree / "usr/evl/bin/solution").symlink_to("answer")
    with Lab(KERNEL, CARD, tree=tree, cache=lab_cache) as lab:
        assert lab.target.check("solution").text == "42 1\n"
        assert lab.target.check("setpriv --bounding-set -all answer").text == "42 0\n"


def test_missing_library_is_named(lab_cache, tmp_path):
    (tmp_path / "lib.c").write_text("int answer(void) { return 42; }\n")
    (tmp_path / "main.c").write_text("int answer(void);\nint main(void) { return answer(); }\n")
    tree = tmp_path / "tree"
    tree.mkdir()
    subprocess.run(["gcc", "-shared", "-fPIC", "-Wl,-soname,libgone.so.1", "-o", tmp_path / "libgone.so",
                    tmp_path / "lib.c"], check=True)
    subprocess.run(["gcc", "-o", tree / "answer", tmp_path / "main.c", tmp_path / "libgone.so"],
                   check=True)
    with pytest.raises(LabError, match="libgone.so.1"):
        get_image(kernels.get_kernel(KERNEL, lab_cache), tree, lab_cache)


def test_image_depends_on_content_alone(lab_cache, tmp_path):
    kernel = kernels.get_kernel(KERNEL, lab_cache)
    first, second = tmp_path / "first", tmp_path / "second"
    for tree in (first, second):
        tree.mkdir()
        (tree / "file").write_text("same\n")
    image = get_image(kernel, first, lab_cache)
    assert get_image(kernel, second, lab_cache) == image
    (second / "file").write_text("other\n")
    assert get_image(kernel, second, lab_cache) != image


def test_card_without_driver_is_refused(lab_cache):
    with pytest.raises(LabError, match="6.1-cloud has no driver for the card e1000"):
        Lab("6.1-cloud", "e1000", cache=lab_cache)
