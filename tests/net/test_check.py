# SPDX-License-Identifier: MIT
"""evl check, evl net -e --dry-run, and what -N and -e warn of: they tell the truth, and change nothing."""

import json
import os
import re
import subprocess
import time

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
USER = ["setpriv", "--reuid=65534", "--clear-groups"]
MACHINE = ["kernel", "AF_XDP", "memlock", "BPF", "BPF JIT", "rtprio", "PREEMPT_RT"]
INTERFACE = ["driver", "link", "XDP program", "tag stripping", "MTU", "receive queues", "native XDP", "zero-copy"]


def check(world, *args, user=False):
    """The exit status and the JSON of evl check."""
    done = world.target.run(*(USER if user else []), world.prefix / "bin/evl", "check", "--json", *args)
    assert done.stderr == "", done.stderr
    return done.returncode, json.loads(done.stdout)


def items(array):
    return {item["name"]: item for item in array}


def state(world):
    """All that could be changed, as text: interfaces without their counters, offloads, processes, files."""
    links = world.target.check("ip", "-details", "link", "show")
    return (links, world.target.check("ethtool", "-k", "veth0"), world.target.processes("oobnetd"),
            world.target.processes("oobkeep"), world.target.check("ls", "-A", "/run").replace("mount\n", ""))


@pytest.fixture
def foreign(world, tmp_path):
    """A program of somebody else on veth0."""
    target = tmp_path / "pass.bpf.o"
    world.target.check("clang", "-O2", "-g", "-target", "bpf", "-I/usr/include/x86_64-linux-gnu", "-c",
                       f"{HERE}/pass.bpf.c", "-o", target)
    world.target.check("sh", "-c", "mount -t bpf bpf /sys/fs/bpf; "
                       f"ip link set dev veth0 xdpgeneric obj {target} sec xdp")
    return world


# ---- evl check ----

def test_check_of_a_veth(world):
    before = state(world)
    status, found = check(world, "-i", "veth0")
    machine, [interface] = items(found["machine"]), found["interfaces"]
    assert list(machine) == MACHINE and list(items(interface["items"])) == INTERFACE
    assert (interface["name"], interface["driver"]) == ("veth0", "veth")
    here = items(interface["items"])
    assert [n for n, item in machine.items() if item["needed"]] == ["AF_XDP", "memlock", "BPF"]
    assert all(item["state"] == "ok" for item in [*machine.values(), *here.values()] if item["needed"])
    assert here["tag stripping"]["found"] == "rx-vlan-offload is on; evl net -e turns it off"
    assert (status, found["missing"], interface["missing"]) == (0, 0, 0)
    assert os.uname().release in machine["kernel"]["found"]
    for item in [*machine.values(), *here.values()]:
        assert (item["state"] == "ok") == (item["consequence"] is None), item
    assert state(world) == before


def test_check_as_text(world):
    done = world.evl("check")
    assert done.returncode == 0 and done.stderr == ""
    lines = done.stdout.splitlines()
    assert lines[0] == "machine" and "veth0" in lines and "lo" not in lines
    assert lines[-1] == "needed and missing: 0, not known: 0"
    for line in lines[1:]:
        assert re.match(r"  (ok      |missing |unknown | {8})\s*\S", line) or not line.startswith(" "), line


def test_check_is_quiet(world):
    done = world.evl("check", "-q")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    world.target.check("ip", "link", "set", "veth0", "down")
    done = world.evl("check", "-q", "-i", "veth0")
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "")


def test_check_counts_what_is_missing(world):
    """Each with its remedy, which helps."""
    world.target.check("ip", "link", "set", "veth0", "down")
    world.target.check("ip", "link", "set", "veth0", "mtu", "9000")
    status, found = check(world, "-i", "veth0")
    here = items(found["interfaces"][0]["items"])
    assert status == found["missing"] == 2
    assert [n for n, item in here.items() if item["needed"] and item["state"] == "missing"] == ["link", "MTU"]
    assert here["link"]["remedy"] == "ip link set veth0 up"
    world.target.check(*here["link"]["remedy"].split())
    world.target.check(*re.search(r"ip link set veth0 mtu \d+$", here["MTU"]["found"])[0].split())
    assert check(world, "-i", "veth0")[0] == 0
    assert world.evl("net", "-ei", "veth0", "--vid", "42").returncode == 0


def test_one_fit_interface_is_enough(world):
    world.target.check("ip", "link", "add", "other0", "type", "veth", "peer", "name", "other1")
    status, found = check(world)  # both of them are down
    assert status == 0 and len(found["interfaces"]) == 3
    assert items(found["machine"])["interfaces"]["found"] == "1 of 3 are fit for ports"
    world.target.check("ip", "link", "set", "veth0", "down")
    status, found = check(world)
    assert status == found["missing"] == 1
    assert items(found["machine"])["interfaces"]["state"] == "missing"


def test_check_as_an_ordinary_user(world):
    status, found = check(world, "-i", "veth0", user=True)
    machine, here = items(found["machine"]), items(found["interfaces"][0]["items"])
    assert status == 0
    for name in ("AF_XDP", "memlock", "BPF", "BPF JIT"):
        assert machine[name]["state"] == "unknown" and machine[name]["remedy"], machine[name]
    assert "CAP_NET_RAW" in machine["AF_XDP"]["found"] and machine["AF_XDP"]["remedy"] == "Run evl check as root."
    assert machine["rtprio"]["state"] == "missing" and "RLIMIT_RTPRIO 0" in machine["rtprio"]["found"]
    assert here["tag stripping"]["state"] == "ok" and here["driver"]["found"] == "veth"
    done = world.target.run(*USER, world.prefix / "bin/evl", "check", "--live", "-i", "veth0")
    assert done.returncode == 0 and re.search(r"unknown  native XDP .*CAP_BPF", done.stdout), done.stdout


def test_no_memory_to_lock(world):
    """The limit is the kernel's: without CAP_IPC_LOCK the try fails, and the exit status says so."""
    done = world.target.run("setpriv", "--bounding-set=-ipc_lock", "--inh-caps=-ipc_lock", "prlimit",
                            "--memlock=1048576", world.prefix / "bin/evl", "check", "--json", "-i", "veth0")
    memlock = items(json.loads(done.stdout)["machine"])["memlock"]
    assert done.returncode == 1 and memlock["state"] == "missing", memlock
    assert "limit 1024 KiB" in memlock["found"] and "-p" in memlock["remedy"]


def test_check_without_net_raw(world):
    done = world.target.run("setpriv", "--bounding-set=-net_raw", "--inh-caps=-net_raw", world.prefix / "bin/evl",
                            "check", "--json", "-i", "veth0")
    machine = items(json.loads(done.stdout)["machine"])
    assert machine["AF_XDP"]["state"] == machine["memlock"]["state"] == "unknown"
    assert machine["BPF"]["state"] == "ok" and done.returncode == 0


def test_foreign_program_is_missing(foreign):
    before = state(foreign)
    for args in ((), ("--live",)):
        status, found = check(foreign, "-i", "veth0", *args)
        item = items(found["interfaces"][0]["items"])["XDP program"]
        assert status == 1 and item["state"] == "missing" and item["needed"]
        assert "let_pass" in item["found"] and "ip link set dev veth0 xdpgeneric off" in item["found"]
        assert state(foreign) == before


def test_live_tries_and_leaves_nothing(world):
    before = state(world)
    status, found = check(world, "--live", "-i", "veth0")
    here = items(found["interfaces"][0]["items"])
    assert status == 0
    assert here["native XDP"] == {"name": "native XDP", "state": "ok", "needed": False, "found": "yes, tried",
                                  "consequence": None, "remedy": None}
    assert here["zero-copy"]["state"] == "missing" and "Operation not supported" in here["zero-copy"]["found"]
    assert here["link reset"]["found"] == "the link stayed up"
    assert state(world) == before


def test_live_agrees_with_what_the_driver_announces(world):
    told, tried = (items(check(world, "-i", "veth0", *args)[1]["interfaces"][0]["items"])
                   for args in ((), ("--live",)))
    for name in ("native XDP", "zero-copy"):
        if told[name]["state"] == "unknown":  # kernels before 6.3
            assert told[name]["remedy"] == "evl check --live -i veth0"
        else:
            assert told[name]["state"] == tried[name]["state"]


def test_check_beside_a_port(world):
    world.enable()
    for args in ((), ("--live",)):
        status, found = check(world, "-i", "veth0", *args)
        here = items(found["interfaces"][0]["items"])
        assert status == 0 and "oobnet's own" in here["XDP program"]["found"]
        assert here["native XDP"]["found"] == "yes, as its ports run"
        assert here["zero-copy"]["found"] == "no, as its ports run"
    assert world.status()["native"] is True


@pytest.mark.parametrize("args, words", [(("-i", "nosuch0"), "no such interface"), (("--live",), "--live goes with -i"),
                                         (("x",), "unexpected argument 'x'"), (("-x",), "invalid option"),
                                         (("-i", "lo"), "not an Ethernet device")])
def test_what_cannot_be_checked(world, args, words):
    done = world.evl("check", *args)
    assert (done.returncode, done.stdout) == (126, "") and words in done.stderr


def test_purpose(world):
    assert world.evl_check("check", "-@") == "check the machine for out-of-band networking\n"
    assert "check        check the machine for out-of-band networking\n" in world.evl_check("help")


# ---- evl net -e --dry-run ----

ENABLE = ("net", "-e", "-i", "veth0", "--vid", "42")


def dry(world, *args):
    return json.loads(world.evl_check(*ENABLE, "--dry-run", "--json", *args))["dry_run"]


@pytest.mark.parametrize("args", [(), ("-p", "64"), ("-b", "4096"), ("-p", "64", "-b", "4096")])
def test_dry_run_foretells(world, args):
    """What it says is what -e then does."""
    before = state(world)
    told = dry(world, *args)
    assert state(world) == before and before[2] == []
    world.evl_check(*ENABLE, *args)
    port = world.status()
    assert told["offloads_off"] == port["offloads_off"] == ["rx-vlan-offload"]
    assert (told["native"], told["zero_copy"]) in ((port["native"], port["zero_copy"]), (None, None))
    assert told["frame_size"] == port["frames"]["size"] and told["frames_tx"] == port["frames"]["tx_total"]
    assert told["frames"] == port["frames"]["tx_total"] + port["frames"]["rx_total"]
    assert told["memory"] == told["frames"] * told["frame_size"]
    assert told["queues"] == len(port["queues"])
    assert (told["already_port"], told["link_reset"], told["driver"]) == (False, False, "veth")


def test_dry_run_in_words(world):
    out = world.evl_check(*ENABLE, "--dry-run")
    assert out.startswith("veth0 would become an out-of-band port: VLAN 42 of veth0 (veth)\n")
    for line in (r"mode         (native|unknown)", "link         stays as it is", "turned off   rx-vlan-offload",
                 "XDP program  none in the way", "MTU          1500; 1774 is the most with buffers of 2048 bytes",
                 r"queues       1\n", "frames       6656 of 2048 bytes, 2048 of them", "memory       13.0 MiB"):
        assert re.search("  " + line, out), (line, out)


@pytest.mark.parametrize("spoil, args", [
    ("ip link set veth0 down", ()),
    ("ip link set veth0 mtu 9000", ()),
    ("ip link set veth0 mtu 3000", ("-b", "2048")),
    ("true", ("-b", "4097")),
    ("true", ("-p", "32769")),
    ("true", ("--vid", "0")),
    ("true", ("-i", "nosuch0")),
    ("true", ("-i", "lo")),
])
def test_dry_run_refuses_as_enabling_does(world, spoil, args):
    world.target.check("sh", "-c", spoil)
    before = state(world)
    told = world.evl(*ENABLE, *args, "--dry-run")
    assert state(world) == before
    done = world.evl(*ENABLE, *args)
    assert (told.returncode, told.stdout, told.stderr) == (1, "", done.stderr)
    assert done.returncode == 1 and done.stderr


def test_dry_run_names_a_foreign_program(foreign):
    before = state(foreign)
    told = foreign.evl(*ENABLE, "--dry-run")
    assert state(foreign) == before
    assert told.returncode == 1 and "let_pass" in told.stderr and "xdpgeneric off" in told.stderr
    assert told.stderr == foreign.evl(*ENABLE).stderr


def test_dry_run_of_a_port(world):
    world.enable()
    assert world.evl_check(*ENABLE, "--dry-run") == "veth0 is an out-of-band port already: nothing would change\n"
    assert dry(world)["already_port"] is True


def test_dry_run_where_the_daemon_was_killed(world):
    """Its port runs on in the keeper, and its XDP program is no foreign one; no daemon is started to ask."""
    world.enable()
    for pid in world.target.processes("oobnetd"):
        os.kill(pid, 9)
    deadline = time.monotonic() + 5
    while world.target.processes("oobnetd"):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    told = world.evl(*ENABLE, "--dry-run")
    assert told.returncode == 1 and "oobnetd was killed" in told.stderr
    assert world.target.processes("oobnetd") == []
    world.evl_check("net")
    assert "already" in world.evl_check(*ENABLE, "--dry-run")


def test_dry_run_as_an_ordinary_user(world):
    told = world.target.run(*USER, world.prefix / "bin/evl", *ENABLE, "--dry-run")
    assert told.returncode == 1 and "VLAN 42 of veth0" in told.stdout
    assert told.stderr == ("evl-net: cannot enable out-of-band port on veth0: Operation not permitted\n"
                           "only root may enable a port\n")


@pytest.mark.parametrize("args", [("-d",), ("-N42",), ("-n",), ("-Q",)])
def test_dry_run_goes_alone(world, args):
    before = state(world)
    done = world.evl(*ENABLE, *args, "--dry-run")
    assert done.returncode == 1 and "--dry-run goes with -e alone" in done.stderr
    assert state(world) == before
    assert "--dry-run goes with -e alone" in world.evl("net", "--dry-run", "-n").stderr


# ---- warnings: with VLAN devices, see the lab's test_check.py ----

LISTEN = ("import socket, sys, time; s = socket.socket(); s.bind((sys.argv[1], 7)); s.listen(); "
          "print('ready', flush=True); time.sleep(60)")


def test_no_false_warning(world):
    """A port on a device by --vid takes nothing away: the socket goes on receiving what comes untagged."""
    listener = world.target.start("python3", "-c", LISTEN, world.TARGET, stdout=subprocess.PIPE)
    world.started.append(listener)
    assert listener.stdout.readline() == b"ready\n"
    done = [world.evl(*ENABLE), world.evl("net", "-N42"), world.evl("net", "-N42", "--json")]
    assert [d.stderr for d in done] == ["", "", ""] and [d.returncode for d in done] == [0, 0, 0]
    assert "warnings" not in json.loads(done[2].stdout)
    connect = f"import socket; socket.create_connection(('{world.TARGET}', 7), 3)"
    world.issuer.check("ip", "addr", "add", f"{world.ISSUER}/24", "dev", "veth1")
    world.issuer.check("python3", "-c", connect)
