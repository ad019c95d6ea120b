# SPDX-License-Identifier: MIT
"""The first and only root file system of a lab machine: an initramfs with real tools and a tree to test."""

import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import time

from .cpio import Archive
from .errors import LabError
from .kernels import cache_lock

HERE = pathlib.Path(__file__).resolve().parent

# Copied from the host when the package is there. The shell and whatever runs other programs (timeout,
# env, find, ...) are here too, because those of busybox prefer busybox's own ping and ip.
TOOLS = {
    "busybox-static": ("busybox",),
    "coreutils": ("chroot", "env", "nice", "nohup", "stdbuf", "timeout"),
    "dash": ("dash",),
    "ethtool": ("ethtool",),
    "findutils": ("find", "xargs"),
    "iproute2": ("bridge", "ip", "ss", "tc"),
    "iputils-ping": ("ping",),
    "libc-bin": ("ldconfig",),
    "procps": ("pgrep", "pkill", "ps", "sysctl"),
    "socat": ("socat",),
    "tcpdump": ("tcpdump",),
    "util-linux": ("chrt", "nsenter", "prlimit", "setpriv", "setsid", "taskset", "unshare"),
}
OPTIONAL_TOOLS = {
    "bpftool": ("bpftool",),
    "strace": ("strace",),
}

# Loaded when the machine starts, those that the kernel has; what they depend on comes by itself.
START_MODULES = ("virtio_pci", "virtio_console", "virtio_net", "e1000", "8021q")
# In the image, for modprobe and for the kernel's own requests.
SPARE_MODULES = ("act_bpf", "bridge", "cls_bpf", "cls_u32", "dummy", "fuse", "inet_diag", "macvlan",
                 "sch_ingress", "sch_netem", "sch_prio", "tcp_diag", "tun", "udp_diag", "veth", "xsk_diag")
ALIASES = {"rtnl-link-vlan": "8021q", "rtnl-link-veth": "veth", "rtnl-link-dummy": "dummy",
           "rtnl-link-macvlan": "macvlan", "rtnl-link-bridge": "bridge", "fs-fuse": "fuse",
           "devname:fuse": "fuse",
           # listing sockets: of AF_INET and AF_INET6, then of TCP and UDP
           "net-pf-16-proto-4-type-2": "inet_diag", "net-pf-16-proto-4-type-10": "inet_diag",
           "net-pf-16-proto-4-type-2-6": "tcp_diag", "net-pf-16-proto-4-type-2-17": "udp_diag"}

ACCOUNTS = {
    # tcpdump gives up its privileges to a user of this name; in a lab machine it keeps them.
    "passwd": "root:x:0:0:root:/root:/bin/sh\ntcpdump:x:0:0::/:/bin/sh\n"
              "nobody:x:65534:65534:nobody:/nonexistent:/bin/sh\n",
    "group": "root:x:0:\ntcpdump:x:0:\nnogroup:x:65534:\n",
    "hosts": "127.0.0.1 localhost\n",
    "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
}

IMAGES_KEPT = 8
IMAGE_AGE_MIN = 3600  # seconds; younger ones may be about to be read


def _guest_path(path):
    """The path in the image, where /bin, /sbin and /lib are links into /usr as on the host."""
    return re.sub(r"^/(bin|sbin|lib|lib64)/", r"/usr/\1/", os.path.normpath(path))


def _is_elf(path):
    with open(path, "rb") as file:
        return file.read(4) == b"\x7fELF"


def _libraries(paths, search):
    """Shared libraries that the programs at these paths need, by the paths under which they ask for them."""
    if not paths:
        return []
    env = {**os.environ, "LC_ALL": "C", "LD_LIBRARY_PATH": ":".join(search)}
    out = subprocess.run(["ldd", *paths], env=env, stdin=subprocess.DEVNULL, capture_output=True,
                         text=True, check=False).stdout
    missing = re.findall(r"^\t(\S+) => not found", out, re.MULTILINE)
    if missing:
        raise LabError(f"shared libraries not found: {', '.join(sorted(set(missing)))}")
    found = re.findall(r"^\t(?:\S+ => )?(/\S+) \(0x", out, re.MULTILINE)
    return sorted(set(found))


class _Builder:
    def __init__(self, scratch):
        self.archive = Archive()
        self.scratch = scratch

    def add_host_file(self, path):
        mode = 0o755 if os.access(path, os.X_OK) else 0o644
        self.archive.file(_guest_path(str(path)), pathlib.Path(path).read_bytes(), mode)

    def add_skeleton(self):
        for part in ("bin", "sbin", "lib", "lib64"):
            self.archive.directory(f"usr/{part}")
            self.archive.symlink(part, f"usr/{part}")
        for part in ("dev", "etc", "mnt", "proc", "root", "run", "sys", "tmp", "var/lib", "var/log"):
            self.archive.directory(part)
        self.archive.symlink("var/run", "/run")
        self.archive.character_device("dev/console", 5, 1)
        self.archive.character_device("dev/null", 1, 3, 0o666)
        for name, text in ACCOUNTS.items():
            self.archive.file(f"etc/{name}", text.encode())
        self.archive.file("init", (HERE / "init.sh").read_bytes(), 0o755)

    def add_tools(self):
        found, missing = [], []
        path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        for tools, required in ((TOOLS, True), (OPTIONAL_TOOLS, False)):
            for package, names in tools.items():
                for name in names:
                    where = shutil.which(name, path=path)
                    if where:
                        found.append(where)
                    elif required:
                        missing.append(package)
        if missing:
            raise LabError(f"packages missing for the lab: {' '.join(sorted(set(missing)))}")
        for where in found:
            self.add_host_file(where)
        for library in _libraries(found, []):
            self.add_host_file(library)
        self.archive.symlink("usr/bin/sh", "dash")
        self._add_applets(next(w for w in found if w.endswith("/busybox")))

    def _add_applets(self, busybox):
        target = _guest_path(busybox)
        names = subprocess.run([busybox, "--list-full"], capture_output=True, text=True,
                               check=True).stdout.split()
        taken = {pathlib.Path(w).name for w in self.archive.paths()}
        for name in sorted(names):
            if pathlib.Path(name).name not in taken:
                self.archive.symlink(_guest_path(f"/{name}"), target)

    def add_agent(self):
        agent = self.scratch / "lab-agent"
        command = ["gcc", "-std=c11", "-D_GNU_SOURCE", "-O2", "-static", "-Wall", "-Wextra", "-Werror",
                   "-o", str(agent), str(HERE / "agent.c")]
        try:
            done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                                  check=False)
        except FileNotFoundError as error:
            raise LabError("packages missing for the lab: gcc libc6-dev") from error
        if done.returncode:
            raise LabError(f"the agent does not compile:\n{done.stderr}")
        self.archive.file("usr/sbin/lab-agent", agent.read_bytes(), 0o755)

    def add_modules(self, kernel):
        base = f"usr/lib/modules/{kernel.release}"
        start = kernel.module_closure(START_MODULES)
        listing, files = [], {m[0]: m for m in kernel.module_closure(START_MODULES + SPARE_MODULES)}
        for name, content, _ in files.values():
            self.archive.file(f"{base}/{name}.ko", content)
        for name, _, dependencies in files.values():
            chain = _chain(dependencies, files)
            listing.append(f"{name}.ko: {' '.join(f'{d}.ko' for d in chain)}".rstrip())
        aliases = [f"alias {a} {m}" for a, m in ALIASES.items() if m in files]
        self.archive.file(f"{base}/modules.dep", "".join(f"{x}\n" for x in listing).encode())
        self.archive.file(f"{base}/modules.alias", "".join(f"{x}\n" for x in aliases).encode())
        self.archive.file(f"{base}/modules.symbols", b"")
        self.archive.file("etc/lab-modules", "".join(f"{m[0]}\n" for m in start).encode())

    def add_tree(self, tree):
        """An install tree (what DESTDIR names), with the shared libraries that it needs from the host."""
        tree = pathlib.Path(tree).resolve()
        if not tree.is_dir():
            raise LabError(f"{tree}: no such install tree")
        programs, search = [], set()
        for path in sorted(tree.rglob("*")):
            guest = _guest_path(f"/{path.relative_to(tree)}")
            if path.is_symlink():
                self.archive.symlink(guest, os.readlink(path))
            elif path.is_dir():
                # A /bin or /lib of the tree goes into the one that is there.
                if not re.fullmatch(r"/(bin|sbin|lib|lib64)", guest):
                    self.archive.directory(guest, path.stat().st_mode & 0o7777)
            else:
                self.archive.file(guest, path.read_bytes(), path.stat().st_mode & 0o7777)
                if ".so" in path.name:
                    search.add(str(path.parent))
                if _is_elf(path) and (".so" in path.name or os.access(path, os.X_OK)):
                    programs.append(str(path))
        for library in _libraries(programs, sorted(search)):
            if not pathlib.Path(library).is_relative_to(tree):
                self.add_host_file(library)


def _chain(dependencies, files):
    """All that a module needs, in the order in which modprobe reads it: nearest first."""
    chain = []
    for dependency in dependencies:
        for name in [dependency, *_chain(files[dependency][2], files)] if dependency in files else []:
            if name in chain:
                chain.remove(name)
            chain.append(name)
    return chain


def _prune(directory):
    images = sorted(directory.glob("*.cpio"), key=lambda p: p.stat().st_mtime, reverse=True)
    for image in images[IMAGES_KEPT:]:
        if time.time() - image.stat().st_mtime > IMAGE_AGE_MIN:
            image.unlink()


def get_image(kernel, tree, cache):
    """The initramfs for this kernel with this install tree (or None); its name tells its content."""
    directory = pathlib.Path(cache).resolve() / "images"
    with cache_lock(directory, "images"):
        with tempfile.TemporaryDirectory(dir=directory, prefix=".build-") as scratch:
            builder = _Builder(pathlib.Path(scratch))
            builder.add_skeleton()
            builder.add_tools()
            builder.add_agent()
            builder.add_modules(kernel)
            if tree is not None:
                builder.add_tree(tree)
            data = builder.archive.dump()
            image = directory / f"{hashlib.sha256(data).hexdigest()[:24]}.cpio"
            if image.exists():
                image.touch()
            else:
                part = pathlib.Path(scratch) / "image"
                part.write_bytes(data)
                part.rename(image)
        _prune(directory)
    return image
