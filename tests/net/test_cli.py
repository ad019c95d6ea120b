# SPDX-License-Identifier: MIT
"""evl and evl net without a daemon: options, texts, exit codes. Each call sees an empty /run."""

import json
import os
import shutil
import subprocess

import pytest

PURPOSE = "manage the EVL out-of-band networking stack"
USAGE = "usage: evl-net [options]:"

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="an empty /run needs root")


@pytest.fixture(scope="module")
def evl_path(tree):
    found = sorted(tree.rglob("bin/evl"))
    assert len(found) == 1, f"one evl below {tree}, not {found}"
    return found[0]


class Result:
    def __init__(self, done):
        self.rc = done.returncode
        self.out = done.stdout
        self.err = done.stderr

    def __repr__(self):
        return f"rc={self.rc}\nstdout:\n{self.out}stderr:\n{self.err}"


def run_alone(argv, *, user=None, stdout=subprocess.PIPE, env=None):
    """Runs a command where nothing of oobnet runs, and fails if that is so no more afterwards."""
    script = 'mount -t tmpfs tmpfs /run && { "$@"; rc=$?; } && test -z "$(ls /run)" && exit $rc; exit 99'
    as_user = ["setpriv", f"--reuid={user}", "--clear-groups"] if user else []
    done = subprocess.run(["unshare", "--mount", "sh", "-c", script, "sh", *as_user, *map(str, argv)],
                          stdin=subprocess.DEVNULL, stdout=stdout, stderr=subprocess.PIPE,
                          text=True, timeout=60, env=env)
    result = Result(done)
    assert result.rc != 99, f"{argv} left something in /run\n{result!r}"
    return result


@pytest.fixture
def evl(evl_path):
    return lambda *args, **how: run_alone([evl_path, *args], **how)


@pytest.fixture
def net(evl):
    return lambda *args, **how: evl("net", *args, **how)


@pytest.fixture
def prefix(tmp_path):
    """A tree with commands of our own."""
    libexec = tmp_path / "libexec" / "evl"
    libexec.mkdir(parents=True)

    def add(name, body, mode=0o755):
        path = libexec / f"evl-{name}"
        path.write_text("#!/bin/sh\n" + body)
        path.chmod(mode)

    add("show", 'test "$1" = -@ && { echo shows; exit 0; }\n'
        'env; for a; do echo "arg:$a"; done; exit 7\n')
    add("mute", 'test "$1" = -@ && exit 1\nexit 0\n')
    add("data", "echo data\n", 0o644)
    return tmp_path


# ---- the front end ----

@pytest.mark.parametrize("option", ["-V", "-v", "--version"])
def test_version(evl, option):
    result = evl(option)
    assert result.rc == 0 and result.err == ""
    version, _, level = result.out.partition(" [requires ABI ")
    assert version and level == "43]\n"


@pytest.mark.parametrize("args", [(), ("-h",), ("--help",), ("help",)])
def test_help_lists_commands(evl, args):
    result = evl(*args)
    assert result.rc == 0
    assert result.out.startswith("usage: evl ")
    assert f"net          {PURPOSE}\n" in result.out


def test_help_leaves_out_what_is_no_command(evl, prefix):
    result = evl("-P", prefix, "help")
    commands = result.out.split("\n\n")[-1].splitlines()
    assert commands == ["show         shows"]


@pytest.mark.parametrize("name", ["nonesuch", "../evl/evl-net", "data/x"])
def test_unknown_command(evl, name):
    result = evl(name)
    assert (result.rc, result.out) == (1, "")
    assert result.err == f"evl: no '{name}' command. Try 'evl --help'.\n"


def test_command_that_cannot_be_executed(evl, prefix):
    result = evl("-P", prefix, "data", env={"PATH": "/usr/bin:/bin"})
    assert result.rc == 1
    assert result.err == "evl: cannot run evl-data: Permission denied\n"


def test_bad_option(evl):
    result = evl("-x")
    assert result.rc == 2
    assert result.err.startswith("evl: invalid option -- 'x'\nusage: evl ")


@pytest.mark.parametrize("spelling", ["-P{}", "--prefix={}"])
def test_prefix_environment_and_status(evl, prefix, spelling):
    result = evl(spelling.format(prefix), "show", "-e", "two words", "-h",
                 env={"PATH": "/usr/bin:/bin"})
    lines = result.out.splitlines()
    assert result.rc == 7
    assert [line for line in lines if line.startswith("arg:")] == ["arg:-e", "arg:two words", "arg:-h"]
    for line in (f"EVL_CMDDIR={prefix}/libexec/evl", "EVL_SYSDIR=/run/oobnet/class",
                 f"EVL_TESTDIR={prefix}/tests", "EVL_TRACEDIR=/sys/kernel/debug/tracing",
                 f"PATH={prefix}/libexec/evl:/usr/bin:/bin"):
        assert line in lines


def test_a_moved_tree_finds_its_own_commands(evl_path, prefix):
    (prefix / "bin").mkdir()
    moved = shutil.copy(evl_path, prefix / "bin" / "evl")
    result = run_alone([moved, "show"])
    assert result.rc == 7, result
    assert f"EVL_CMDDIR={prefix}/libexec/evl\n" in result.out


# ---- evl net: the command line ----

def test_purpose(net):
    result = net("-@")
    assert (result.rc, result.out, result.err) == (0, PURPOSE + "\n", "")


@pytest.mark.parametrize("option", ["-h", "--help"])
def test_usage(net, option):
    result = net(option)
    assert (result.rc, result.out) == (0, "")
    assert result.err.startswith(USAGE + "\n")
    for name in ("-i --interface", "-e --enable-port", "-d --disable-port", "-p --pool-size",
                 "-b --buffer-size", "-s --solicit", "-S --solicit-permanent",
                 "-g --allow-gateway", "-Q --query-port", "-F --filter", "-N --set-vlan-ids",
                 "-n --print-vlan-ids", "-h --help", "--vid", "--json"):
        assert name in result.err


@pytest.mark.parametrize("args, sentence", [
    (["-z"], "invalid option -- 'z'"),
    (["--nonesuch"], "unrecognized option '--nonesuch'"),
    (["-i"], "option requires an argument -- 'i'"),
    (["-n", "extra"], "unexpected argument 'extra'"),
    (["-N", "42"], "unexpected argument '42'"),
    (["-i", "eth0"], "no command given"),
    (["-p", "64"], "no command given"),
    (["--json", "-i", "eth0"], "no command given"),
    (["-e"], "a network interface must be specified"),
    (["-d"], "a network interface must be specified"),
    (["-Q"], "a network interface must be specified"),
    (["-F"], "a network interface must be specified"),
    (["-n", "-Q"], "a network interface must be specified"),
    (["-ei", "eth0", "-p", "many"], "--pool-size wants a number, not 'many'"),
    (["-ei", "eth0", "-p", "12x"], "--pool-size wants a number, not '12x'"),
    (["-ei", "eth0", "-p", ""], "--pool-size wants a number, not ''"),
    (["-ei", "eth0", "-b", "-1"], "--buffer-size wants a number, not '-1'"),
    (["-ei", "eth0", "-b", "99999999999999999999"],
     "--buffer-size wants a number, not '99999999999999999999'"),
    (["-ei", "eth0", "--vid", "x"], "--vid wants a number, not 'x'"),
    (["-di", "eth0", "--vid", "42"], "--vid goes with -e"),
])
def test_misuse_prints_usage(net, args, sentence):
    result = net(*args)
    assert (result.rc, result.out) == (1, "")
    assert result.err.startswith(f"evl-net: {sentence}\n{USAGE}\n")


@pytest.mark.parametrize("args, sentence", [
    (["-Qi", "eth0"], "invalid query modifer 'i'"),
    (["-QRrz", "-i", "eth0"], "invalid query modifer 'z'"),
    (["-ei", "eth0", "--vid", "0"], "VLAN id 0 cannot be monitored: it must be 2 to 4094"),
    (["-ei", "eth0", "--vid", "4095"], "VLAN id 4095 cannot be monitored: it must be 2 to 4094"),
    (["-N0-3"], "cannot set VLAN list '0-3': VLAN ids 0, 1 and 4095 cannot be monitored"),
    (["-Nall"], "cannot set VLAN list 'all': VLAN ids 0, 1 and 4095 cannot be monitored"),
    (["-N42,4095"], "cannot set VLAN list '42,4095': VLAN ids 0, 1 and 4095 cannot be monitored"),
    (["-N42,9-3"], "cannot set VLAN list '42,9-3': '9-3' is a reversed range"),
    (["-N42,4096"], "cannot set VLAN list '42,4096': '4096' goes beyond VLAN id 4094"),
    (["-N42,junk"], "cannot set VLAN list '42,junk': 'junk' is neither a VLAN id nor a range of them"),
    (["-N42-"], "cannot set VLAN list '42-': '42-' is neither a VLAN id nor a range of them"),
    (["-N10-20:5/2"], "cannot set VLAN list '10-20:5/2': '10-20:5/2' takes more ids than its groups have"),
    (["-N-5"], "cannot set VLAN list '-5': '-5' is neither a VLAN id nor a range of them"),
    (["-s", "10.0.0.1"], "soliciting a peer (-s, -S) is not implemented yet"),
    (["-S", "10.0.0.1", "-ei", "eth0"], "soliciting a peer (-s, -S) is not implemented yet"),
    (["-F", "-ei", "eth0"], "setting an eBPF filter (-F) is not implemented yet"),
    (["-Ffilter.o", "-N42", "-i", "eth0"], "setting an eBPF filter (-F) is not implemented yet"),
    (["-g", "-n"], "soliciting through a gateway (-g) is not implemented yet"),
])
def test_refusal_is_one_sentence_and_nothing_is_done(net, args, sentence):
    result = net(*args)
    assert (result.rc, result.out, result.err) == (1, "", f"evl-net: {sentence}\n")


@pytest.mark.parametrize("short, spelled", [
    (["-Qz", "-i", "eth0"], ["--query-port=z", "--interface", "eth0"]),
    (["-N1"], ["--set-vlan-ids=1"]),
    (["-p", "x"], ["--pool-size", "x"]),
    (["-n"], ["--print-vlan-ids"]),
    (["-N"], ["--set-vlan-ids"]),
    (["-N"], ["--set-vlan-ids="]),
    (["-di", "eth0"], ["--interface=eth0", "--disable-port"]),
    (["-di", "eth0"], ["-ieth0", "-d"]),
    (["-s", "h"], ["--solicit", "h"]),
    (["-S", "h"], ["--solicit-permanent=h"]),
    (["-Fx", "-i", "eth0"], ["--filter=x", "-ieth0"]),
    (["-g"], ["--allow-gateway"]),
])
def test_spellings_are_one(net, short, spelled):
    first, second = net(*short), net(*spelled)
    assert repr(first) == repr(second)


# ---- evl net: nothing there ----

def test_bare_lists_nothing(net):
    result = net()
    assert (result.rc, result.err) == (0, "")
    assert result.out == "no out-of-band ports\nmonitored VLANs: none\n"


def test_bare_json(net):
    result = net("--json")
    assert (result.rc, result.err) == (0, "")
    assert json.loads(result.out) == {"ports": [], "vlan_ids": [], "vlan_list": ""}


def test_print_vlans(net):
    result = net("-n")
    assert (result.rc, result.out, result.err) == (0, "", "")


def test_print_vlans_json(net):
    result = net("-n", "--json")
    assert (result.rc, result.err) == (0, "")
    assert json.loads(result.out) == {"vlan_ids": [], "vlan_list": ""}


def test_clear_vlans(net):
    result = net("-N")
    assert (result.rc, result.out, result.err) == (0, "VLAN filter cleared\n", "")


def test_clear_vlans_json(net):
    result = net("-N", "--json", "-n")
    assert result.rc == 0
    assert json.loads(result.out) == {"notes": ["VLAN filter cleared"], "vlan_ids": [], "vlan_list": ""}


@pytest.mark.parametrize("args", [["-Q", "-i", "eth0.42"], ["-i", "eth0.42", "-QRx"]])
def test_query(net, args):
    result = net(*args)
    assert (result.rc, result.out) == (1, "")
    assert result.err == ("evl-net: cannot query out-of-band port on eth0.42: Connection refused\n"
                          "oobnetd is not running: 'evl net -ei eth0.42' starts it and makes eth0.42 a port\n")


def test_query_json_error_is_text(net):
    result = net("-Q", "-i", "eth0.42", "--json")
    assert (result.rc, result.out) == (1, "")
    assert result.err.startswith("evl-net: cannot query out-of-band port on eth0.42: ")


def test_disable(net):
    result = net("-di", "eth0.42")
    assert (result.rc, result.out) == (1, "")
    assert result.err == ("evl-net: cannot disable out-of-band port on eth0.42: Connection refused\n"
                          "oobnetd is not running, so no interface is an out-of-band port\n")


def test_order_of_execution(net):
    """Disabling comes first and fails, so neither is the list cleared nor the port queried."""
    result = net("-N", "-n", "-Q", "-d", "-i", "eth0.42")
    assert (result.rc, result.out) == (1, "")
    assert result.err.startswith("evl-net: cannot disable out-of-band port on eth0.42: ")


@pytest.mark.parametrize("option", ["-e", "-d", "-Q"])
def test_name_that_no_interface_can_have(net, option):
    result = net(option, "-i", "a-name-of-sixteen")
    assert (result.rc, result.out) == (1, "")
    assert result.err.endswith("out-of-band port on a-name-of-sixteen: No such device\n")


@pytest.mark.parametrize("args, what", [
    (["-ei", "eth0.42"], "cannot enable out-of-band port on eth0.42"),
    (["-N42"], "cannot set VLAN list '42'"),
])
def test_ordinary_user_starts_no_daemon(net, args, what):
    result = net(*args, user=65534)
    assert (result.rc, result.out) == (1, "")
    assert result.err == (f"evl-net: {what}: Operation not permitted\n"
                          "oobnetd is not running, and only root can start it\n")


def test_ordinary_user_clears_nothing(net):
    result = net("-N", user=65534)
    assert (result.rc, result.out) == (1, "")
    assert result.err.startswith("evl-net: cannot clear VLAN list: Operation not permitted\n")


def test_ordinary_user_may_look(net):
    assert net(user=65534).out == "no out-of-band ports\nmonitored VLANs: none\n"


@pytest.mark.parametrize("args", [[], ["--json"], ["-N"]])
def test_output_that_cannot_be_written(net, args):
    with open("/dev/full", "w") as full:
        result = net(*args, stdout=full)
    assert result.rc == 1
    assert result.err == "evl-net: cannot write the result: No space left on device\n"
