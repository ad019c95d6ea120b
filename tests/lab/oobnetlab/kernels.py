# SPDX-License-Identifier: MIT
"""Debian kernels: fetched and unpacked, never installed."""

import contextlib
import dataclasses
import fcntl
import json
import lzma
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

from .errors import LabError


@dataclasses.dataclass(frozen=True)
class Source:
    """Where a kernel comes from: a meta package, and the suite when it is not one the host follows."""
    meta: str
    suite: str | None = None


# To add a kernel, add a line. With a suite, a temporary apt source with its own state is used.
KERNELS = {
    "6.1-cloud": Source("linux-image-cloud-amd64"),
    "6.1-rt": Source("linux-image-rt-amd64"),
    "6.12-cloud": Source("linux-image-cloud-amd64", "bookworm-backports"),
    "6.12-rt": Source("linux-image-rt-amd64", "bookworm-backports"),
    "sid-cloud": Source("linux-image-cloud-amd64", "sid"),
    "sid-rt": Source("linux-image-rt-amd64", "sid"),
}

# The cards that a kernel flavour has drivers for.
CARDS = {"cloud": ("virtio",), "rt": ("virtio", "e1000")}

DEFAULT_KERNELS = ("6.1-cloud", "6.1-rt")


def cards_of(name):
    """The card models that the kernel of this name can drive."""
    return CARDS[name.rsplit("-", 1)[1]]


@dataclasses.dataclass(frozen=True)
class Kernel:
    """An unpacked kernel."""
    name: str
    package: str
    release: str
    vmlinuz: pathlib.Path
    modules: pathlib.Path  # lib/modules/RELEASE

    def module_closure(self, wanted):
        """Files of the modules named and of all they depend on, as (name, bytes, dependency names), each
        after what it depends on. A name that is built into the kernel, or that it does not have, is
        left out."""
        return _Modules(self.modules).closure(wanted)


class _Modules:
    """The modules of one kernel. Debian's packages hold no modules.dep (that is made when they are
    installed), so dependencies are read from the modules themselves."""

    def __init__(self, directory):
        self.paths = {}
        for path in (directory / "kernel").rglob("*.ko*"):
            self.paths[path.name.split(".ko")[0].replace("-", "_")] = path
        self.contents = {}

    def content(self, name):
        if name not in self.contents:
            path = self.paths[name]
            data = path.read_bytes()
            if path.suffix == ".xz":
                data = lzma.decompress(data)
            elif path.suffix != ".ko":
                raise LabError(f"{path.name}: unknown compression of a kernel module")
            self.contents[name] = data
        return self.contents[name]

    def dependencies(self, name):
        match = re.search(rb"\0depends=([^\0]*)\0", self.content(name))
        names = match.group(1).decode().split(",") if match else []
        return [n.replace("-", "_") for n in names if n]

    def closure(self, wanted):
        done = {}

        def visit(name):
            if name in done or name not in self.paths:
                return
            dependencies = self.dependencies(name)
            for dependency in dependencies:
                visit(dependency)
            done[name] = (name, self.content(name), dependencies)

        for name in wanted:
            visit(name.replace("-", "_"))
        return list(done.values())


@contextlib.contextmanager
def cache_lock(cache, name):
    """One process at a time fills one part of the cache."""
    cache.mkdir(parents=True, exist_ok=True)
    with open(cache / f".{name}.lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _run(command, cwd=None):
    done = subprocess.run(command, cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          env={**os.environ, "LC_ALL": "C"}, check=False)
    if done.returncode:
        raise LabError(f"{' '.join(command)}: exit status {done.returncode}\n{done.stderr.strip()}")
    return done.stdout


def _archive():
    """The URI of the Debian archive that this host already uses."""
    out = _run(["apt-get", "indextargets", "--format", "$(ORIGIN)|$(CODENAME)|$(REPO_URI)",
                "Created-By: Packages"])
    for line in out.splitlines():
        origin, codename, uri = line.split("|")
        if origin == "Debian" and re.fullmatch(r"[a-z]+", codename):
            return uri
    raise LabError("no Debian archive in apt's package lists: run `apt-get update` once, as root")


def _apt_options(source, state):
    """Options that make apt use the suite of this source alone, with all its state below `state`."""
    if source.suite is None:
        return []
    for part in ("lists/partial", "cache/archives/partial", "parts"):
        (state / part).mkdir(parents=True, exist_ok=True)
    keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"
    (state / "sources.list").write_text(f"deb [signed-by={keyring}] {_archive()} {source.suite} main\n",
                                        encoding="utf-8")
    return ["-o", f"Dir::Etc::SourceList={state}/sources.list",
            "-o", f"Dir::Etc::SourceParts={state}/parts",
            "-o", f"Dir::State::Lists={state}/lists",
            "-o", f"Dir::Cache={state}/cache"]


def _depends(package, options):
    """Names of the kernel packages that a package depends on."""
    out = _run(["apt-cache", *options, "depends", "--important", package])
    names = re.findall(r"Depends: (linux-(?:image|binary|modules)-\S+)", out)
    return [n for n in names if not n.endswith(("-unsigned", "-dbg"))]


def _resolve(source, options):
    """Names of the real packages behind the meta package: the image, and those that newer kernels split
    off it."""
    try:
        images = [n for n in _depends(source.meta, options) if n.startswith("linux-image-")]
    except LabError as error:
        raise LabError(f"{source.meta} is not in apt's package lists: run `apt-get update` once, "
                       f"as root\n{error}") from error
    if not images:
        raise LabError(f"{source.meta} depends on no kernel image")
    return [images[0], *_depends(images[0], options)]


def _load(name, directory):
    facts = json.loads((directory / "kernel.json").read_text(encoding="utf-8"))
    release = facts["release"]
    modules = directory / "lib/modules" / release
    if not modules.is_dir():
        modules = directory / "usr/lib/modules" / release
    vmlinuz = directory / "boot" / f"vmlinuz-{release}"
    if not vmlinuz.is_file():
        vmlinuz = modules / "vmlinuz"
    return Kernel(name, facts["package"], release, vmlinuz, modules)


def _fetch(name, source, directory, progress):
    with tempfile.TemporaryDirectory(dir=directory.parent, prefix=f".{name}-") as scratch:
        scratch = pathlib.Path(scratch)
        state = scratch / "apt"
        state.mkdir()
        # apt would warn that its unprivileged user cannot write here; it need not.
        options = [*_apt_options(source, state)]
        if os.getuid() == 0:
            options += ["-o", "APT::Sandbox::User=root"]
        if source.suite is not None:
            progress(f"{name}: reading the package list of {source.suite}")
            _run(["apt-get", *options, "-q", "update"])
        packages = _resolve(source, options)
        progress(f"{name}: downloading {' '.join(packages)}")
        _run(["apt-get", *options, "-q", "download", *packages], cwd=scratch)
        tree = scratch / "tree"
        for package in packages:
            debs = list(scratch.glob(f"{package}_*.deb"))
            if len(debs) != 1:
                raise LabError(f"{package}: apt-get download left {len(debs)} packages")
            progress(f"{name}: unpacking {debs[0].name} ({debs[0].stat().st_size / 2**20:.1f} MiB)")
            _run(["dpkg-deb", "-x", str(debs[0]), str(tree)])
        release = packages[0].removeprefix("linux-image-")
        (tree / "kernel.json").write_text(json.dumps({"package": packages[0], "release": release}),
                                          encoding="utf-8")
        kernel = _load(name, tree)
        if not kernel.vmlinuz.is_file() or not kernel.modules.is_dir():
            raise LabError(f"{' '.join(packages)} hold no kernel {release} with modules")
        shutil.rmtree(directory, ignore_errors=True)
        tree.rename(directory)


def get_kernel(name, cache, progress=lambda line: None):
    """The kernel of this name, fetched into `cache` when it is not there yet."""
    if name not in KERNELS:
        raise LabError(f"unknown kernel {name}: there are {', '.join(KERNELS)}")
    directory = pathlib.Path(cache).resolve() / "kernels" / name
    with cache_lock(directory.parent, name):
        if not (directory / "kernel.json").is_file():
            _fetch(name, KERNELS[name], directory, progress)
        return _load(name, directory)
