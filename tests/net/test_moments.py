# SPDX-License-Identifier: MIT
"""Killed or stopped at the worst moment: what happens too seldom to be met by chance."""

import os
import signal
import subprocess
import threading
import time

from test_life import alive, attached, features, until


def kill(world, name, sig=signal.SIGKILL):
    [pid] = world.target.processes(name)
    os.kill(pid, sig)
    return pid


def test_daemon_killed_while_the_keeper_is_busy(world):
    world.enable()
    world.responder("-s")
    keeper = kill(world, "oobkeep", signal.SIGSTOP)
    kill(world, "oobnetd")
    until(lambda: not world.target.processes("oobnetd"), "it has ended")
    command = world.target.start(world.prefix / "bin/evl", "net", "-N42", stderr=subprocess.PIPE)
    time.sleep(0.5)
    os.kill(keeper, signal.SIGCONT)
    err = command.communicate(timeout=30)[1]
    assert features(world)["rx-vlan-offload"] == "off", "restored under a port that lives"
    assert command.returncode == 0, err
    assert world.status()["holder"]["program"] == "oob-net-icmp"


def test_device_removed_while_nobody_watches(world):
    world.enable()
    program = world.responder("-s")
    kill(world, "oobnetd")
    world.target.check("ip", "link", "del", "veth0")
    done = world.evl("net", "-N42")
    assert done.returncode == 0, done.stderr
    program.wait(timeout=10)


def test_second_device_enabled_as_the_keeper_dies(world):
    world.target.check("ip", "link", "add", "veth2", "type", "veth", "peer", "name", "veth3")
    for n in ("veth2", "veth3"):
        world.target.check("ip", "link", "set", n, "up")
    world.enable()
    program = world.responder("-s")
    sock = world.issuer.packet_socket("veth1")
    alive(world, sock, 1)
    # A program that is connected already, as every one that uses a port is.
    script = ("import socket, struct, sys\ns = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)\n"
              "s.connect('/run/oobnet/oobnetd.sock')\nprint('ready', flush=True)\nsys.stdin.readline()\n"
              "s.send(struct.pack('=IIIiIIQQ16s512x', 0x6f6f626e, 1, 1, 0, 0, 42, 0, 0, b'veth2'))\n"
              "print(struct.unpack_from('=IIi', s.recv(1 << 16))[2], flush=True)\nsys.stdin.readline()\n")
    asker = world.target.start("/usr/bin/python3", "-c", script, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert asker.stdout.readline() == b"ready\n"
    time.sleep(0.2)
    daemon = kill(world, "oobnetd", signal.SIGSTOP)
    kill(world, "oobkeep")
    asker.stdin.write(b"go\n")
    asker.stdin.flush()
    time.sleep(0.5)
    os.kill(daemon, signal.SIGCONT)
    assert asker.stdout.readline() == b"0\n"
    time.sleep(2)
    assert program.poll() is None, program.stderr.read()
    alive(world, sock, 2)
    assert world.status()["holder"]["program"] == "oob-net-icmp"
    world.evl_check("net", "-di", "veth0")
    assert not attached(world)
    asker.stdin.close()
    asker.wait()


def test_keeper_stopped_for_longer_than_the_daemon_waits(world):
    world.enable()
    program = world.responder("-s")
    sock = world.issuer.packet_socket("veth1")
    alive(world, sock, 1)
    keeper = kill(world, "oobkeep", signal.SIGSTOP)
    world.evl("net", "-Q", "-i", "veth0")
    time.sleep(18)
    os.kill(keeper, signal.SIGCONT)
    time.sleep(3)
    assert program.poll() is None
    alive(world, sock, 2)
    assert world.status()["holder"]["program"] == "oob-net-icmp"
    world.evl_check("net", "-di", "veth0")
    until(lambda: not attached(world), "detached")
    assert features(world)["rx-vlan-offload"] == "on"


def test_daemon_killed_in_the_middle_of_enabling(world):
    world.evl_check("net", "-N43")
    [daemon] = world.target.processes("oobnetd")
    command = world.target.start(world.prefix / "bin/evl", "net", "-ei", "veth0", "--vid", "42",
                                 stderr=subprocess.DEVNULL)
    until(lambda: world.target.processes("oobkeep"), "the keeper starts")
    while not attached(world):
        pass
    time.sleep(0.02)
    command.kill()  # it would start another one and ask again
    os.kill(daemon, signal.SIGKILL)
    command.wait()
    until(lambda: not world.target.processes("oobnetd"), "it has ended")
    assert attached(world) and world.target.processes("oobkeep"), "killed too early or too late"
    world.evl_check("net", "-N43")
    assert "veth0" not in world.evl_check("net")
    assert not attached(world)
    assert features(world)["rx-vlan-offload"] == "on"


def test_lock_held_for_a_moment(world):
    holder = world.target.start("sh", "-c", "mkdir -p /run/oobnet; exec flock /run/oobnet/lock sleep 0.7")
    time.sleep(0.2)
    done = world.evl("net", "-N42")
    holder.wait()
    assert done.returncode == 0, done.stderr


def test_others_cannot_fill_the_daemon(world):
    world.evl_check("net", "-N42")
    script = ("import os, socket, time\nos.setgid(65534); os.setuid(65534)\nheld = []\nfor _ in range(140):\n"
              "    s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET); s.connect('/run/oobnet/oobnetd.sock'); held.append(s); time.sleep(0.005)\n"
              "print('ready', flush=True); time.sleep(60)")
    other = world.target.start("/usr/bin/python3", "-c", script, stdout=subprocess.PIPE)
    world.started.append(other)
    other.stderr = None
    assert other.stdout.readline() == b"ready\n"
    done = world.evl("net", "-N43")
    assert done.returncode == 0, done.stderr


def test_no_dead_keeper_stays(world):
    world.enable()
    keeper = kill(world, "oobkeep")
    until(lambda: world.target.processes("oobkeep"), "the next one")
    until(lambda: not os.path.exists(f"/proc/{keeper}"), "waited for", 3)
