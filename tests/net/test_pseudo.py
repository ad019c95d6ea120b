# SPDX-License-Identifier: MIT
"""EVL's pseudo-files: what they say, what they take and refuse, and that nothing of them stays behind."""

import errno
import os
import pathlib
import signal
import stat
import subprocess
import time

import pytest
from programs import is_sanitized
from test_life import until

CLASS = "/run/oobnet/class"
VLANS = f"{CLASS}/evl/net/vlans"
PORT = f"{CLASS}/net/veth0/oob_port"
SYSFS = "/sys/class/evl/net/vlans"
LOG = "/run/oobnet/oobnetd.log"
NOBODY = ["setpriv", "--reuid", "65534", "--clear-groups"]

# One write(2), whose errno is the exit status; the file is open before the user changes.
WRITER = ("import os, sys\n"
          "fd = os.open(sys.argv[1], os.O_WRONLY)\n"
          "if sys.argv[3]: os.setresuid(*[int(sys.argv[3])] * 3)\n"
          "data = bytes.fromhex(sys.argv[2])\n"
          "try: assert os.write(fd, data) == len(data)\n"
          "except OSError as err: sys.exit(err.errno)\n")

pytestmark = pytest.mark.skipif(not os.path.exists("/dev/fuse"), reason="this machine has no /dev/fuse")


def root_of(world):
    """The target's file system as this process can reach it, without nsenter."""
    return pathlib.Path(f"/proc/{world.target.holder.pid}/root")


def all_mounts(world):
    return pathlib.Path(f"/proc/{world.target.holder.pid}/mounts").read_text()


def mounts(world):
    """(source, place, type) of every mount of oobnet's in the target's mount namespace."""
    return [tuple(line.split()[:3]) for line in all_mounts(world).splitlines() if line.startswith("oobnet ")]


def read(world, path):
    return world.target.check("cat", path)


def write(world, path, data, uid=""):
    """The errno of one write(2), 0 if it succeeded."""
    done = world.target.run("/usr/bin/python3", "-c", WRITER, path, data.hex(), uid)
    assert not done.stderr, done.stderr
    return done.returncode


@pytest.fixture
def served(world):
    """The world with a daemon that has something to stay for."""
    world.evl_check("net", "-N7")
    assert mounts(world) == [("oobnet", CLASS, "fuse.oobnet")]
    return world


def echo(world, text, path=VLANS):
    """As a user types it."""
    return world.target.run("sh", "-c", f"{text} > {path}")


# ---- evl/net/vlans ----

@pytest.mark.parametrize("written, value", [
    (b"42", "42"), (b"42\n", "42"), (b"100,42-44\n", "42-44,100"), (b" 45, 44\t43 \n", "43-45"),
    (b"10-20:1/5\n", "10,15,20"), (b"2-4094", "2-4094"), (b"42\0junk", "42"),
    (b"\n", ""), (b"\0", ""), (b" ", ""),
])
def test_a_write_replaces_the_set(served, written, value):
    assert read(served, VLANS) == "7\n"
    assert write(served, VLANS, written) == 0
    assert read(served, VLANS) == value + "\n"
    assert served.evl_check("net", "-n").strip() == value


@pytest.mark.parametrize("written, error", [
    (b"1", errno.EINVAL), (b"0\n", errno.EINVAL), (b"4095", errno.EINVAL), (b"all\n", errno.EINVAL),
    (b"42,junk", errno.EINVAL), (b"42,9-3", errno.EINVAL), (b"42-\n", errno.EINVAL), (b"-5", errno.EINVAL),
    (b"10-20:5/2", errno.EINVAL), (b"\xff\xfe", errno.EINVAL), (b"2," * 40000, errno.EINVAL),
    (b"4096", errno.ERANGE), (b"42,5000\n", errno.ERANGE), (b"99999999999", errno.ERANGE),
])
def test_a_bad_list_changes_nothing(served, tmp_path, written, error):
    path = tmp_path / "written"
    path.write_bytes(written)
    done = served.target.run("/usr/bin/python3", "-c",
                             "import os, sys\n"
                             "try: os.write(os.open(sys.argv[1], os.O_WRONLY), open(sys.argv[2], 'rb').read())\n"
                             "except OSError as err: sys.exit(err.errno)\n", VLANS, path)
    assert done.returncode == error, done.stderr
    assert read(served, VLANS) == "7\n"


def test_as_typed(served):
    assert echo(served, "echo 42").returncode == 0
    assert read(served, VLANS) == "42\n"
    assert echo(served, "echo 1").returncode != 0
    assert "Invalid argument" in served.target.run("sh", "-c", f"printf 1 | dd of={VLANS}").stderr
    # Cutting the file, which > does, writes nothing; neither does the shell's colon.
    assert echo(served, ":").returncode == 0
    assert read(served, VLANS) == "42\n"
    assert echo(served, "echo").returncode == 0
    assert read(served, VLANS) == "\n"
    served.target.check("sh", "-c", f"echo 50 >> {VLANS}")
    assert read(served, VLANS) == "50\n"


def test_each_write_is_a_value_wherever_it_goes(served):
    script = (f"import os\nfd = os.open('{VLANS}', os.O_RDWR)\nos.write(fd, b'42')\nos.write(fd, b'43')\n"
              "print(os.pread(fd, 4096, 0))\nos.pwrite(fd, b'44', 1000)\nprint(os.pread(fd, 4096, 0))\n")
    assert served.target.check("/usr/bin/python3", "-c", script) == "b'43\\n'\nb'44\\n'\n"


def test_the_longest_list(served):
    longest = ",".join(f"{v}-{v + 1}" for v in range(2, 4094, 3))
    assert write(served, VLANS, longest.encode()) == 0
    assert read(served, VLANS) == longest + "\n"
    # In small pieces, while the set is changed in between: what a reader began it gets to the end.
    script = (f"import os\nfd = os.open('{VLANS}', os.O_RDONLY)\nfirst = os.read(fd, 100)\n"
              f"other = os.open('{VLANS}', os.O_WRONLY)\nos.write(other, b'42')\n"
              "text = first + b''.join(iter(lambda: os.read(fd, 100), b''))\nprint(text.decode(), end='')\n"
              "os.lseek(fd, 0, 0)\nprint(os.read(fd, 100))\n")
    assert served.target.check("/usr/bin/python3", "-c", script) == longest + "\n" + "b'42\\n'\n"


def test_modes_sizes_and_entries(served):
    root = root_of(served)
    for path, kind, mode in ((CLASS, stat.S_IFDIR, 0o755), (f"{CLASS}/net/veth0", stat.S_IFDIR, 0o755),
                             (VLANS, stat.S_IFREG, 0o644), (PORT, stat.S_IFREG, 0o644)):
        st = os.stat(root / path[1:])
        assert (stat.S_IFMT(st.st_mode), stat.S_IMODE(st.st_mode), st.st_uid, st.st_gid) == (kind, mode, 0, 0), path
        assert kind == stat.S_IFDIR or st.st_size == 4096
    assert sorted(os.listdir(root / CLASS[1:])) == ["evl", "net"]
    assert os.listdir(root / f"{CLASS}/evl"[1:]) == ["net"]
    assert os.listdir(root / f"{CLASS}/evl/net"[1:]) == ["vlans"]
    assert sorted(served.target.check("ls", f"{CLASS}/net").split()) == ["lo", "veth0"]
    assert served.target.check("ls", f"{CLASS}/net/veth0").split() == ["oob_port"]
    line = next(line for line in all_mounts(served).splitlines() if line.startswith(f"oobnet {CLASS} "))
    for option in ("nosuid", "nodev", "noexec", "default_permissions", "allow_other"):
        assert option in line.split()[3].split(",")


@pytest.mark.parametrize("path", ["evl/vlans", "net/nosuch0", "net/nosuch0/oob_port", "net/veth0/nosuch",
                                  "net/veth0:1", "net/a-name-of-sixteen", "net/veth0/oob_port/x", "nosuch"])
def test_what_is_not_there(served, path):
    done = served.target.run("cat", f"{CLASS}/{path}")
    assert done.returncode == 1
    assert "No such file" in done.stderr or "Not a directory" in done.stderr


def test_nothing_can_be_made_or_removed(served):
    for command in (["touch", f"{CLASS}/evl/net/new"], ["mkdir", f"{CLASS}/net/new"], ["rm", "-f", VLANS],
                    ["rmdir", f"{CLASS}/net/veth0"], ["ln", "-s", "x", f"{CLASS}/x"]):
        assert served.target.run(*command).returncode == 1, command
    assert read(served, VLANS) == "7\n"


# ---- who may ----

def test_anyone_reads_only_root_writes(served):
    assert served.target.check(*NOBODY, "cat", VLANS, PORT) == "7\n0\n"
    refused = served.target.run(*NOBODY, "sh", "-c", f"echo 42 > {VLANS}")
    assert refused.returncode != 0 and "Permission denied" in refused.stderr
    # Open already, as root; but it is the writer who counts.
    assert write(served, VLANS, b"42", uid="65534") == errno.EPERM
    assert write(served, PORT, b"1", uid="65534") == errno.EPERM
    assert read(served, VLANS) == "7\n" and read(served, PORT) == "0\n"


def test_a_users_namespace_does_not_make_root(served):
    done = served.target.run(*NOBODY, "unshare", "--user", "--map-root-user", "sh", "-c", f"id -u; echo 42 > {VLANS}")
    if "unshare" in done.stderr:
        pytest.skip("no user namespaces for ordinary users here")
    assert done.stdout == "0\n" and done.returncode != 0
    assert read(served, VLANS) == "7\n"


def test_many_readers(served):
    script = f"for i in 1 2 3 4 5 6 7 8 9 10; do cat {VLANS} {PORT}; done"
    readers = [served.target.start("sh", "-c", script, stdout=subprocess.PIPE) for _ in range(8)]
    for reader in readers:
        out, _ = reader.communicate(timeout=30)
        assert out == b"7\n0\n" * 10


# ---- net/IF/oob_port ----

@pytest.fixture
def vlan_like(world):
    """A port that needs no --vid is a VLAN device, which this kernel may not have."""
    if world.target.run("ip", "link", "add", "link", "veth0", "name", "v42", "type", "vlan", "id", "42").returncode:
        pytest.skip("this kernel has no VLAN devices; tests/lab has")
    world.target.check("ip", "link", "set", "v42", "up")
    return world


def test_a_port_says_one(served):
    assert read(served, PORT) == "0\n"
    served.evl_check("net", "-ei", "veth0", "--vid", "42")
    assert read(served, PORT) == "1\n"
    assert write(served, PORT, b"1\n") == 0  # it is one already
    assert write(served, PORT, b"0\n") == 0
    assert read(served, PORT) == "0\n"
    assert "no out-of-band ports" in served.evl_check("net")
    assert write(served, PORT, b"0") == 0  # it is none already


def test_errors_are_those_of_evl_net(served):
    assert write(served, PORT, b"1") == errno.EOPNOTSUPP  # veth0 is no VLAN device
    assert write(served, f"{CLASS}/net/lo/oob_port", b"1") == errno.EINVAL
    assert read(served, PORT) == "0\n"


def test_enabling_a_vlan_device(served, vlan_like):
    port = f"{CLASS}/net/v42/oob_port"
    assert write(served, port, b"1\n") == 0
    assert read(served, port) == "1\n" and read(served, PORT) == "0\n"
    assert write(served, port, b"0") == 0
    served.target.check("ip", "link", "set", "veth0", "down")
    assert write(served, port, b"1\n") == errno.ENETDOWN


@pytest.mark.parametrize("junk, error", [
    (b"junk", errno.EINVAL), (b"\n", errno.EINVAL), (b" 1", errno.EINVAL), (b"1 ", errno.EINVAL),
    (b"-1", errno.EINVAL), (b"1\n\n", errno.EINVAL), (b"\0", errno.EINVAL), (b"0x", errno.EINVAL),
    (b"1" * 33, errno.EINVAL), (b"99999999999999999999999", errno.ERANGE),
])
def test_junk_is_refused(served, junk, error):
    served.evl_check("net", "-ei", "veth0", "--vid", "42")
    assert write(served, PORT, junk) == error
    assert read(served, PORT) == "1\n"


@pytest.mark.parametrize("zero", [b"0", b"0\n", b"+0\n", b"0x0\n", b"000", b"0\0x"])
def test_zeros(served, zero):
    served.evl_check("net", "-ei", "veth0", "--vid", "42")
    assert write(served, PORT, zero) == 0
    assert read(served, PORT) == "0\n"


def test_interfaces_come_and_go(served):
    served.target.check("ip", "link", "add", "new0", "type", "veth", "peer", "name", "new1")
    assert read(served, f"{CLASS}/net/new0/oob_port") == "0\n"
    served.target.check("ip", "link", "set", "new0", "name", "other0")
    assert set(served.target.check("ls", f"{CLASS}/net").split()) == {"lo", "veth0", "new1", "other0"}
    assert served.target.run("cat", f"{CLASS}/net/new0/oob_port").returncode == 1
    served.target.check("ip", "link", "property", "add", "dev", "other0", "altname", "alternative0")
    assert served.target.run("cat", f"{CLASS}/net/alternative0/oob_port").returncode == 1
    served.target.check("ip", "link", "del", "other0")
    assert set(served.target.check("ls", f"{CLASS}/net").split()) == {"lo", "veth0"}


# ---- life and death ----

def only(world, name):
    found = world.target.processes(name)
    assert len(found) == 1, (name, found)
    return found[0]


def gone(world):
    return not mounts(world) and not world.target.processes("oobclass")


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_ends_with_the_daemon(served, end):
    os.kill(only(served, "oobnetd"), end)
    until(lambda: gone(served), "oobclass has ended, its mount is off")
    # The next daemon has them again; after kill -9 with the set of the one before.
    served.evl_check("net", "-N42")
    assert read(served, VLANS) == "42\n"


def test_a_daemon_with_nothing_to_do_is_not_kept(world):
    world.evl_check("net", "-N7")
    world.evl_check("net", "-N")
    assert read(world, VLANS) == "\n"
    until(lambda: gone(world) and not world.target.processes("oobnetd"), "both end by themselves", 20)


def test_ends_while_a_request_waits(served):
    daemon = only(served, "oobnetd")
    os.kill(daemon, signal.SIGSTOP)
    reader = served.target.start("cat", VLANS, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    time.sleep(0.3)
    assert reader.poll() is None
    os.kill(daemon, signal.SIGKILL)
    _, err = reader.communicate(timeout=5)
    assert reader.returncode == 1 and err
    until(lambda: gone(served), "oobclass has ended, its mount is off")


def test_a_stopped_daemon_holds_nobody_for_ever(served):
    daemon = only(served, "oobnetd")
    os.kill(daemon, signal.SIGSTOP)
    try:
        done = served.target.run("cat", VLANS)
        assert done.returncode == 1 and "Connection timed out" in done.stderr
        assert "veth0" in served.target.check("ls", f"{CLASS}/net")
    finally:
        os.kill(daemon, signal.SIGCONT)
    until(lambda: served.target.run("cat", VLANS).stdout == "7\n", "the files answer again")


def test_killed_it_is_started_again_but_not_for_ever(served):
    daemon = only(served, "oobnetd")
    for _ in range(3):
        before = only(served, "oobclass")
        os.kill(before, signal.SIGKILL)
        until(lambda: served.target.processes("oobclass") not in ([], [before]), "another one runs")
        until(lambda: served.target.run("cat", VLANS).stdout == "7\n", "its files answer")
        assert mounts(served) == [("oobnet", CLASS, "fuse.oobnet")]
    os.kill(only(served, "oobclass"), signal.SIGKILL)
    until(lambda: "is not started again" in read(served, LOG), "the daemon gives up")
    time.sleep(0.5)
    assert served.target.processes("oobclass") == []
    assert "Transport endpoint is not connected" in served.target.run("cat", VLANS).stderr
    assert only(served, "oobnetd") == daemon
    assert served.evl_check("net", "-n") == "7\n"
    # What is left of it, a dead mount, the next daemon's takes off.
    os.kill(daemon, signal.SIGTERM)
    until(lambda: not served.target.processes("oobnetd"), "the daemon has ended")
    assert len(mounts(served)) == 1
    served.evl_check("net", "-N42")
    assert read(served, VLANS) == "42\n"
    assert mounts(served) == [("oobnet", CLASS, "fuse.oobnet")]


def kill_both(world):
    """None of them gets to do anything about the other's end."""
    daemon, files = only(world, "oobnetd"), only(world, "oobclass")
    os.kill(daemon, signal.SIGSTOP)
    os.kill(files, signal.SIGKILL)
    until(lambda: not world.target.processes("oobclass"), "oobclass is dead")
    os.kill(daemon, signal.SIGKILL)
    until(lambda: not world.target.processes("oobnetd"), "oobnetd is dead")


def test_all_killed_at_once(served):
    kill_both(served)
    served.evl_check("net", "-N42")
    assert read(served, VLANS) == "42\n"
    assert mounts(served) == [("oobnet", CLASS, "fuse.oobnet")]


def test_a_users_umount_is_respected(served):
    served.target.check("umount", CLASS)
    until(lambda: gone(served), "oobclass has ended")
    assert served.evl_check("net", "-n") == "7\n"
    assert "oobclass" not in read(served, LOG)


@pytest.mark.parametrize("tried", ["missing", "refused"])
def test_without_fuse_all_else_goes_on(world, tried):
    world.target.check("mount", "-t", "tmpfs", "none", "/dev")
    world.target.check("mknod", "/dev/null", "c", "1", "3")
    if tried == "refused":
        world.target.check("mknod", "/dev/fuse", "c", "10", "251")
    world.enable()
    log = read(world, LOG)
    assert log.count("/dev/fuse") == 1 and f"there are no pseudo-files in {CLASS}" in log
    assert world.target.processes("oobclass") == [] and mounts(world) == []
    refused = world.evl("net", "--sysfs")
    assert refused.returncode == 1 and "there are no pseudo-files" in refused.stderr
    assert mounts(world) == []


# ---- evl net --sysfs ----

def classes(world):
    return sorted(world.target.check("ls", "/sys/class").split())


def test_dressed_and_undressed(served):
    before = classes(served)
    entries = {name: served.target.check("ls", f"/sys/class/{name}") for name in before}
    outside = os.listdir("/sys/class")
    assert served.evl_check("net", "--sysfs") == ""
    assert classes(served) == sorted(before + ["evl"])
    assert {name: served.target.check("ls", f"/sys/class/{name}") for name in before} == entries
    assert len(served.target.check("cat", "/sys/class/net/veth0/address").split(":")) == 6
    assert echo(served, "echo 42", SYSFS).returncode == 0
    assert read(served, SYSFS) == "42\n" and served.evl_check("net", "-n") == "42\n"
    assert echo(served, "echo 1", SYSFS).returncode != 0
    refused = served.target.run(*NOBODY, "sh", "-c", f"echo 43 > {SYSFS}")
    assert "Permission denied" in refused.stderr
    assert served.target.run("mkdir", "/sys/class/x").returncode == 1
    assert os.listdir("/sys/class") == outside  # private mount namespaces: nothing gets out

    served.target.check("ip", "link", "add", "new0", "type", "veth", "peer", "name", "new1")
    assert set(served.target.check("ls", "/sys/class/net").split()) == {"lo", "veth0", "new0", "new1"}
    assert served.target.check("cat", "/sys/class/net/new0/address").count(":") == 5

    number = len(mounts(served))
    assert served.evl_check("net", "--sysfs") == ""
    assert len(mounts(served)) == number

    assert served.evl_check("net", "--no-sysfs") == ""
    assert classes(served) == before
    assert mounts(served) == [("oobnet", CLASS, "fuse.oobnet")]
    assert "sysfs /sys/class/" not in all_mounts(served)
    assert served.evl_check("net", "--no-sysfs") == ""
    assert served.target.check("cat", "/sys/class/net/new0/address").count(":") == 5


def test_dressing_starts_the_daemon_and_keeps_it(world):
    world.evl_check("net", "--sysfs")
    time.sleep(12)  # longer than an idle daemon stays
    assert read(world, SYSFS) == "\n"
    world.evl_check("net", "--no-sysfs")
    until(lambda: gone(world) and not world.target.processes("oobnetd"), "nothing keeps them any more", 20)
    assert "evl" not in classes(world)


@pytest.mark.parametrize("victim, end", [("oobnetd", signal.SIGTERM), ("oobnetd", signal.SIGKILL),
                                         ("oobclass", signal.SIGTERM), ("oobclass", signal.SIGKILL)])
def test_undone_at_the_end(served, victim, end):
    before = classes(served)
    served.evl_check("net", "--sysfs")
    os.kill(only(served, victim), end)
    until(lambda: not [place for _, place, _ in mounts(served) if place.startswith("/sys")], "/sys/class is as it was")
    assert classes(served) == before
    if (victim, end) == ("oobclass", signal.SIGKILL):
        until(lambda: served.target.run("cat", VLANS).stdout == "7\n", "another one serves")
    else:
        until(lambda: gone(served), "nothing is left")


def test_killed_together_while_dressed(served):
    before = classes(served)
    served.evl_check("net", "--sysfs")
    kill_both(served)
    # The kernel's classes are still there; what is dead is evl, and undone without any daemon.
    assert "veth0" in served.target.check("ls", "/sys/class/net")
    served.evl_check("net", "--no-sysfs")
    assert classes(served) == before
    assert served.target.processes("oobnetd") == []
    # Or done anew, over what is left.
    served.evl_check("net", "--sysfs")
    kill_both(served)
    served.evl_check("net", "--sysfs")
    assert read(served, SYSFS) == "7\n"
    assert [place for _, place, kind in mounts(served) if kind == "tmpfs"] == ["/sys/class"]


def test_many_at_once_make_one(served):
    before = classes(served)
    tools = [served.target.start(served.prefix / "bin/evl", "net", "--sysfs") for _ in range(6)]
    assert [tool.wait(30) for tool in tools] == [0] * 6
    assert [place for _, place, kind in mounts(served) if kind == "tmpfs"] == ["/sys/class"]
    served.evl_check("net", "--no-sysfs")
    assert classes(served) == before


def test_killed_while_dressing_leaves_all_or_nothing(served):
    before = classes(served)
    outcomes = set()
    for step in range(40):
        tool = served.target.start(served.prefix / "bin/evl", "net", "--sysfs")
        time.sleep(step * 0.002)
        for pid in served.target.processes("evl-net"):
            os.kill(pid, signal.SIGKILL)
        tool.wait()
        now = classes(served)
        assert now in (before, sorted(before + ["evl"]))
        assert "veth0" in served.target.check("ls", "/sys/class/net")
        outcomes.add(len(now))
        served.evl_check("net", "--no-sysfs")
        assert classes(served) == before
    assert len(outcomes) == 2, "too slow or too fast to have killed it in the middle"


def test_many_classes(served):
    served.target.check("sh", "-ec", """
        mkdir /run/sys
        mount --rbind /sys /run/sys
        mount -t tmpfs none /sys/class
        for i in $(seq 70); do mkdir /sys/class/c$i; echo $i > /sys/class/c$i/value; done
        ln -s c1 /sys/class/link
        mkdir /sys/class/net
        mount --bind /run/sys/class/net /sys/class/net""")
    before = classes(served)
    assert len(before) == 72
    served.evl_check("net", "--sysfs")
    assert classes(served) == sorted(before + ["evl"])
    for name, value in (("c1", "1\n"), ("c70", "70\n"), ("link", "1\n")):
        assert read(served, f"/sys/class/{name}/value") == value
    assert "veth0" in served.target.check("ls", "/sys/class/net")
    served.evl_check("net", "--no-sysfs")
    assert classes(served) == before


def test_undressing_needs_no_daemon(world):
    before = all_mounts(world)
    assert world.evl_check("net", "--no-sysfs") == ""
    assert all_mounts(world) == before
    assert world.target.run("test", "-e", "/run/oobnet").returncode == 1


def test_usage_names_both(world):
    usage = world.evl("net", "-h").stderr
    assert "   --sysfs " in usage and "   --no-sysfs " in usage


def test_undone_and_done_anew_in_one_command(served):
    """In this order, whatever theirs; it takes in classes that have come since."""
    served.evl_check("net", "--sysfs")
    served.evl_check("net", "--sysfs", "--no-sysfs")
    assert read(served, SYSFS) == "7\n"
    assert [place for _, place, kind in mounts(served) if kind == "tmpfs"] == ["/sys/class"]


def test_only_root_dresses(served):
    for option, word in (("--sysfs", "dress"), ("--no-sysfs", "undress")):
        done = served.target.run(*NOBODY, served.prefix / "bin/evl", "net", option)
        assert done.returncode == 1
        assert done.stderr == (f"evl-net: cannot {word} /sys/class: Operation not permitted\n"
                               "only root may change what /sys/class shows\n")


def test_failure_undoes_everything(served):
    """With too few descriptors it fails at one step or another; what is left is nothing, and a reason."""
    before, mounts_before = classes(served), all_mounts(served)
    results = []
    # A sanitizer's run-time needs a descriptor of its own, and aborts where there is none.
    for descriptors in range(5 if is_sanitized(served.prefix) else 4, 16):
        done = served.target.run("prlimit", f"--nofile={descriptors}", served.prefix / "bin/evl", "net", "--sysfs")
        results.append(done.returncode)
        if done.returncode == 0:
            served.evl_check("net", "--no-sysfs")
        else:
            assert "Too many open files" in done.stderr
        assert all_mounts(served) == mounts_before
        assert classes(served) == before
    assert results[0] == 1 and results[-1] == 0 and 0 not in results[:3]


def test_a_kernel_with_evl_is_left_alone(served):
    served.target.check("sh", "-c", "mount -t tmpfs none /sys/class && mkdir /sys/class/evl")
    done = served.evl("net", "--sysfs")
    assert done.returncode == 1 and "this kernel has EVL itself" in done.stderr
    assert classes(served) == ["evl"]


def test_not_from_another_mount_namespace(served):
    done = served.target.run("unshare", "--mount", served.prefix / "bin/evl", "net", "--sysfs")
    assert done.returncode == 1
    assert f"nsenter -t {only(served, 'oobnetd')} -m evl net --sysfs" in done.stderr
    assert mounts(served) == [("oobnet", CLASS, "fuse.oobnet")]


def test_shared_mounts_reach_others(world):
    """As under systemd: whoever shares the mounts sees them come and go."""
    world.target.check("mount", "--make-rshared", "/sys")
    other = world.target.start("unshare", "--mount", "--propagation", "slave", "sh", "-c",
                               "echo ready; exec sleep 600", stdout=subprocess.PIPE)
    world.started.append(other)
    assert other.stdout.readline() == b"ready\n"
    seen = pathlib.Path(f"/proc/{other.pid}/root/sys/class")
    try:
        world.evl_check("net", "--sysfs")
        assert (seen / "evl").is_dir() and "veth0" in os.listdir(seen / "net")
        os.kill(only(world, "oobnetd"), signal.SIGKILL)
        until(lambda: "evl" not in os.listdir(seen), "it is undone there, too")
        assert "veth0" in os.listdir(seen / "net")
    finally:
        other.kill()


def test_somebody_elses_mount_is_not_taken_off(served):
    served.evl_check("net", "--sysfs")
    served.target.check("mount", "-t", "tmpfs", "foreign", "/sys/class")
    done = served.evl("net", "--no-sysfs")
    assert done.returncode == 1 and "something else is mounted over it" in done.stderr
    served.target.check("umount", "/sys/class")
    served.evl_check("net", "--no-sysfs")
    assert "evl" not in classes(served)
