# SPDX-License-Identifier: MIT
"""A small world for one test: two network namespaces joined by a veth pair, with a /run of their own."""

import ctypes
import os
import pathlib
import re
import signal
import socket
import struct
import subprocess
import threading
import time

CLONE_NEWNET = 0x40000000
SOL_PACKET, PACKET_AUXDATA = 263, 8
TP_STATUS_VLAN_VALID = 1 << 4
ETH_P_ALL, ETH_P_IP, ETH_P_8021Q = 3, 0x0800, 0x8100
ETH_P_ALL_NET = socket.htons(ETH_P_ALL)

libc = ctypes.CDLL(None, use_errno=True)


class Namespace:
    """Network and mount namespaces, held by a process of ours."""

    def __init__(self):
        self.holder = subprocess.Popen(
            ["unshare", "--net", "--mount", "--propagation", "private", "sh", "-c",
             "mount -t tmpfs none /run && mount -t sysfs none /sys && "
             "echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6 && ip link set lo up && echo ready && exec sleep 3600"],
            stdout=subprocess.PIPE, start_new_session=True)
        assert self.holder.stdout.readline() == b"ready\n"
        self.enter = ["nsenter", "-t", str(self.holder.pid), "-n", "-m"]

    def run(self, *command, timeout=30, **kw):
        """Runs a command inside; returns the CompletedProcess with text output."""
        return subprocess.run(self.enter + [str(c) for c in command], timeout=timeout, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, **kw)

    def check(self, *command, **kw):
        done = self.run(*command, **kw)
        assert done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout

    def start(self, *command, **kw):
        """Starts a command inside; a Popen whose pid is the command's own (nsenter executes it)."""
        return subprocess.Popen(self.enter + [str(c) for c in command], **kw)

    def packet_socket(self, ifname, receive=True):
        """A raw AF_PACKET socket of this namespace, usable from the test's process."""
        result = []

        def inside():  # a thread of its own: setns() changes only the calling thread
            with open(f"/proc/{self.holder.pid}/ns/net") as ns:
                if libc.setns(ns.fileno(), CLONE_NEWNET):
                    result.append(OSError(ctypes.get_errno(), "setns"))
                    return
            try:
                sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, ETH_P_ALL_NET if receive else 0)
                sock.bind((ifname, ETH_P_ALL if receive else 0))
                sock.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
                sock.setsockopt(socket.SOL_SOCKET, 33, 8 << 20)  # SO_RCVBUFFORCE
                result.append(sock)
            except OSError as err:
                result.append(err)

        thread = threading.Thread(target=inside)
        thread.start()
        thread.join()
        if isinstance(result[0], OSError):
            raise result[0]
        return result[0]

    def mac(self, ifname):
        out = self.check("ip", "-o", "link", "show", ifname)
        return bytes.fromhex(re.search(r"link/ether ([0-9a-f:]+)", out)[1].replace(":", ""))

    def processes(self, name):
        """Pids of the processes of that name in this mount namespace."""
        mine = os.readlink(f"/proc/{self.holder.pid}/ns/mnt")
        found = []
        for entry in pathlib.Path("/proc").iterdir():
            try:
                if entry.name.isdigit() and os.readlink(entry / "ns/mnt") == mine and \
                        (entry / "comm").read_text() == name + "\n" and \
                        "\nState:\tZ" not in (entry / "status").read_text():
                    found.append(int(entry.name))
            except OSError:
                continue
        return found

    def close(self):
        """Ends everything that runs inside."""
        mine = os.readlink(f"/proc/{self.holder.pid}/ns/mnt")
        for entry in pathlib.Path("/proc").iterdir():
            try:
                if entry.name.isdigit() and int(entry.name) != self.holder.pid and \
                        os.readlink(entry / "ns/mnt") == mine:
                    os.kill(int(entry.name), signal.SIGKILL)
            except OSError:
                continue
        self.holder.kill()
        self.holder.wait()
        self.holder.stdout.close()


def receive_tagged(sock, timeout, vid=42):
    """One incoming IPv4 frame of that VLAN as it was on the wire, with its 802.1Q tag put back, or None."""
    deadline = time.monotonic() + timeout
    while (left := deadline - time.monotonic()) > 0:
        sock.settimeout(left)
        try:
            data, ancillary, _, addr = sock.recvmsg(65536, 256)
        except (TimeoutError, socket.timeout):
            return None
        if addr[2] == 4:  # PACKET_OUTGOING: what we sent ourselves
            continue
        for level, kind, payload in ancillary:
            if (level, kind) == (SOL_PACKET, PACKET_AUXDATA):
                status, _, _, _, _, tci, tpid = struct.unpack_from("=IIIHHHH", payload)
                if status & TP_STATUS_VLAN_VALID:
                    data = data[:12] + struct.pack("!HH", tpid or ETH_P_8021Q, tci) + data[12:]
        if data[12:18] == struct.pack("!HHH", ETH_P_8021Q, vid, ETH_P_IP):
            return data
    return None


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def icmp(kind, ident, seq, data=b"", code=0):
    head = struct.pack("!BBHHH", kind, code, 0, ident, seq)
    return head[:2] + struct.pack("!H", checksum(head + data)) + head[4:] + data


def ipv4(src, dst, payload, proto=1, ttl=64, ident=0x1234, flags=0, tos=0):
    head = struct.pack("!BBHHHBBH4s4s", 0x45, tos, 20 + len(payload), ident, flags, ttl, proto, 0,
                       socket.inet_aton(src), socket.inet_aton(dst))
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + payload


def ethernet(dst, src, payload, proto=ETH_P_IP, vid=None, pcp=0):
    tag = struct.pack("!HH", ETH_P_8021Q, pcp << 13 | vid) if vid is not None else b""
    return dst + src + tag + struct.pack("!H", proto) + payload


class World:
    """`target` runs oobnet on veth0, `issuer` has the other end, veth1. VLAN 42 is the port's."""

    VID, TARGET, ISSUER = 42, "10.10.10.11", "10.10.10.10"

    def __init__(self, tree, queues=1):
        self.prefix = pathlib.Path(tree).resolve() / "usr/evl"
        queues = ("numrxqueues", queues, "numtxqueues", queues)
        self.target, self.issuer = Namespace(), Namespace()
        self.started = []
        self.target.check("ip", "link", "add", "veth0", *queues, "type", "veth",
                          "peer", "name", "veth1", *queues, "netns", str(self.issuer.holder.pid))
        self.target.check("ip", "link", "set", "veth0", "up")
        self.target.check("ip", "addr", "add", f"{self.TARGET}/24", "dev", "veth0")
        self.issuer.check("ip", "link", "set", "veth1", "up")
        self.target_mac, self.issuer_mac = self.target.mac("veth0"), self.issuer.mac("veth1")

    def evl(self, *args, **kw):
        return self.target.run(self.prefix / "bin/evl", *args, **kw)

    def evl_check(self, *args, **kw):
        return self.target.check(self.prefix / "bin/evl", *args, **kw)

    def enable(self):
        self.evl_check("net", "-ei", "veth0", "--vid", str(self.VID))
        self.evl_check("net", f"-N{self.VID}")

    def responder(self, *args, wait=True, **kw):
        """oob-net-icmp on the port, its stdout a pipe."""
        program = self.target.start(self.prefix / "tidbits/oob-net-icmp", "-i", "veth0", *args,
                                    stdout=subprocess.PIPE, stderr=subprocess.PIPE, **kw)
        self.started.append(program)
        if wait:
            line = program.stdout.readline()
            assert line == b"listening to interface veth0\n", line + program.stderr.read()
        return program

    def request(self, seq=1, data=b"x" * 56, ident=77, vid=VID, src=ISSUER, dst=TARGET, **kw):
        packet = ipv4(src, dst, icmp(8, ident, seq, data), **kw)
        return ethernet(self.target_mac, self.issuer_mac, packet, vid=vid)

    def status(self):
        import json
        return json.loads(self.evl_check("net", "-Q", "-i", "veth0", "--json"))["port"]

    def close(self):
        for program in self.started:
            if program.poll() is None:
                program.kill()
            program.wait()
            for stream in (program.stdout, program.stderr):
                if stream:
                    stream.close()
        self.target.close()
        self.issuer.close()
