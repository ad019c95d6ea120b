# SPDX-License-Identifier: MIT
"""The installed library as programs see it, and scripts/install: what it puts where, and what it leaves alone."""

import hashlib
import os
import pathlib
import re
import subprocess

import pytest
from world import ethernet, icmp, ipv4, receive_tagged

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
INSTALL = ROOT / "scripts/install"
C, CXX = "echo.c", "echo.cc"
STANDARD = {C: "-std=gnu11", CXX: "-std=c++17"}
COMPILERS = [("gcc", C), ("clang", C), ("g++", CXX), ("clang++", CXX)]
WARNINGS = ["-Wall", "-Wextra", "-Werror"]


def run(*command, **kw):
    return subprocess.run([str(c) for c in command], text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          timeout=300, **kw)


def check(*command, **kw):
    done = run(*command, **kw)
    assert done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout


def pkg_config(prefix, *args):
    """As a user asks; the prefix is where the tree is today, below its DESTDIR."""
    env = {**os.environ, "PKG_CONFIG_LIBDIR": str(prefix / "lib/pkgconfig")}
    return check("pkg-config", f"--define-variable=prefix={prefix}", *args, "evl", env=env).split()


# ---- programs ----

def build_program(compiler, source, out, *options):
    check(compiler, STANDARD[source], *WARNINGS, "-o", out, HERE / "program" / source, *options)
    return out


def echoes(world, program):
    """The program runs on the port and sends back what it gets; also tells what it printed."""
    libs = {**os.environ, "LD_LIBRARY_PATH": str(world.prefix / "lib")}
    running = world.target.start(program, "veth0", "2", stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=libs)
    world.started.append(running)
    line = running.stdout.readline()
    assert line == b"ready\n", line + running.stderr.read()

    sock = world.issuer.packet_socket("veth1")
    for seq in range(2):
        packet = ipv4(world.ISSUER, world.TARGET, icmp(8, 1, seq, bytes(range(56))))
        sock.send(ethernet(world.target_mac, world.issuer_mac, packet, vid=world.VID))
        assert receive_tagged(sock, 3) == ethernet(world.issuer_mac, world.target_mac, packet, vid=world.VID)

    out, err = running.communicate(timeout=10)
    assert running.returncode == 0, err
    # 98: the frame of a default ping, without its tag; everything that was printed arrives, by the proxy.
    assert out == b"count=98, proto=0x800, type=0\n" * 2 + b"port=1, sent=2\n"


@pytest.mark.parametrize("optimization", ["-O0", "-O2"])
@pytest.mark.parametrize("compiler, source", COMPILERS)
def test_program(world, tmp_path, compiler, source, optimization):
    options = pkg_config(world.prefix, "--cflags", "--libs")
    assert f"-I{world.prefix}/include" in options and f"-L{world.prefix}/lib" in options
    program = build_program(compiler, source, tmp_path / "echo", optimization, *options)
    world.enable()
    echoes(world, program)


def test_program_linked_by_levl_and_fortified(world, tmp_path):
    program = build_program("gcc", C, tmp_path / "echo", "-O2", "-D_FORTIFY_SOURCE=2", f"-I{world.prefix}/include",
                            f"-L{world.prefix}/lib", "-levl")
    assert "[liboobnet.so.0]" in check("readelf", "-d", program)
    world.enable()
    echoes(world, program)


def test_program_on_what_is_no_port(world, tmp_path):
    program = build_program("gcc", C, tmp_path / "echo", *pkg_config(world.prefix, "--cflags", "--libs"))
    libs = {**os.environ, "LD_LIBRARY_PATH": str(world.prefix / "lib")}
    done = world.target.run(program, "veth0", "1", env=libs)
    assert done.returncode == 1 and done.stderr == "bind: Invalid argument\n"


@pytest.mark.parametrize("compiler, standard", [("gcc", "c11"), ("clang", "c11"), ("g++", "c++17"), ("clang++", "c++17")])
def test_every_header_compiles_alone(tree, tmp_path, compiler, standard):
    include = tree / "usr/evl/include"
    headers = sorted(str(h.relative_to(include)) for h in include.rglob("*.h"))
    assert "evl/net/socket.h" in headers and "evl/evl.h" in headers
    language = "c++" if "++" in standard else "c"
    for header in headers:
        # Twice, to see that it is guarded; a use of __OOBNET__, to see that it is defined.
        source = f'#include <{header}>\n#include <{header}>\n#if __OOBNET__ < 1\n#error not defined\n#endif\nint x;\n'
        if header.endswith("-abi.h") and "net/" in header:
            source = source.replace("#if __OOBNET__ < 1\n#error not defined\n#endif\n", "")
        check(compiler, f"-std={standard}", *WARNINGS, "-fsyntax-only", f"-I{include}", "-x", language, "-",
              input=source)


def test_constants_of_the_interface(tree):
    source = ("#include <evl/evl.h>\n#include <evl/net/net.h>\n"
              "_Static_assert(__EVL__ == 35 && EVL_ABI_PREREQ == 43, \"levels\");\n"
              "_Static_assert(SOCK_OOB == 0x40000000 && AF_OOB == 46 && SO_TIMESTAMP_OOB == 1024, \"sockets\");\n"
              "_Static_assert(EVL_CLOCK_MONOTONIC == -1 && EVL_CLOCK_REALTIME == 0, \"clocks\");\n"
              "_Static_assert(sizeof(struct evl_net_devstat) == 64, \"statistics\");\n")
    check("gcc", "-fsyntax-only", f"-I{tree}/usr/evl/include", "-x", "c", "-", input=source)
    version = check("pkg-config", "--variable=evl_abi", "evl",
                    env={**os.environ, "PKG_CONFIG_LIBDIR": f"{tree}/usr/evl/lib/pkgconfig"})
    assert version == "43\n"


def test_nothing_is_tied_to_its_place(tree):
    """Every program and library is found relative to the one that needs it."""
    prefix = tree / "usr/evl"
    programs = [p for p in prefix.rglob("*") if p.is_file() and p.read_bytes()[:4] == b"\x7fELF"]
    assert len(programs) >= 6
    for program in programs:
        paths = re.findall(r"\((?:RUNPATH|RPATH)\).*\[(.*)\]", check("readelf", "-d", program))
        assert all(part.startswith("$ORIGIN/") for path in paths for part in path.split(":")), program
    for link in prefix.rglob("*"):
        if link.is_symlink():
            assert not os.path.isabs(os.readlink(link)) and link.exists(), link


# ---- scripts/install ----

@pytest.fixture(scope="session")
def build(tmp_path_factory):
    """A finished build: that of `make` where there is one."""
    where = ROOT / "build/main"
    if not (where / "build.ninja").exists():
        where = tmp_path_factory.mktemp("build")
        check("meson", "setup", where, ROOT)
        check("ninja", "-C", where)
    return where


def snapshot(top):
    """Everything below a directory: kind, mode, content."""
    def content(path):
        return os.readlink(path) if path.is_symlink() else path.read_bytes() if path.is_file() else None
    return {str(p.relative_to(top)): (p.lstat().st_mode, content(p)) for p in sorted(top.rglob("*"))}


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


@pytest.fixture
def installed(build, tmp_path):
    """An installation under another prefix, below a DESTDIR."""
    check(INSTALL, build, "/opt/oobnet", tmp_path / "dest")
    return tmp_path / "dest/opt/oobnet"


def test_installs_what_is_needed(installed, tree):
    files = {name for name, (_, content) in snapshot(installed).items() if content is not None}
    assert files >= {"bin/evl", "sbin/oobnetd", "libexec/evl/evl-net", "libexec/evl/oobkeep", "tidbits/oob-net-icmp",
                     "lib/liboobnet.so", "lib/liboobnet.so.0", "lib/libevl.so", "lib/pkgconfig/evl.pc",
                     "include/evl/net/socket.h"}
    # All that the tree under test has, and the manifest.
    assert files - {"share/oobnet/manifest"} >= {n for n, (_, c) in snapshot(tree / "usr/evl").items()
                                                 if c is not None and not n.startswith("share/")}
    # The prefix is that of PREFIX, without DESTDIR.
    lines = (installed / "lib/pkgconfig/evl.pc").read_text().splitlines()
    assert lines[0] == "prefix=/opt/oobnet" and not any("/usr/evl" in line for line in lines)
    # Programs find one another, and the library, where they are now.
    assert run(installed / "bin/evl", "net", "-@").stdout == "manage the EVL out-of-band networking stack\n"
    assert run(installed / "tidbits/oob-net-icmp").returncode == 2


def test_installs_again_over_itself(build, installed):
    before = snapshot(installed)
    check(INSTALL, build, "/opt/oobnet", installed.parent.parent)
    assert snapshot(installed) == before


@pytest.mark.parametrize("names", [["bin/evl"], ["lib/libevl.so", "include/evl/evl.h", "bin/evl"]])
def test_foreign_files_survive(build, tmp_path, names):
    prefix = tmp_path / "dest/usr/evl"
    for name in names:
        write(prefix / name, "a real libevl's")
    write(prefix / "libexec/evl/evl-ps", "a real libevl's, too")
    before = snapshot(tmp_path)
    done = run(INSTALL, build, "/usr/evl", tmp_path / "dest")
    assert done.returncode == 1
    for name in names:
        assert f"{prefix / name}\n" in done.stderr
    assert "evl-ps" not in done.stderr and "PREFIX=" in done.stderr
    assert snapshot(tmp_path) == before


@pytest.mark.parametrize("kind", ["directory", "file instead of a directory", "dangling link"])
def test_foreign_things_that_are_no_files_survive(build, tmp_path, kind):
    prefix = tmp_path / "dest/usr/evl"
    if kind == "directory":
        (prefix / "bin/evl").mkdir(parents=True)
    elif kind == "dangling link":
        (prefix / "bin").mkdir(parents=True)
        (prefix / "bin/evl").symlink_to("nowhere")
    else:
        write(prefix / "bin", "not a directory")
    before = snapshot(tmp_path)
    done = run(INSTALL, build, "/usr/evl", tmp_path / "dest")
    assert done.returncode == 1 and f"{prefix}/bin" in done.stderr
    assert snapshot(tmp_path) == before


def test_what_was_installed_over_ours_survives(build, installed):
    """The manifest names bin/evl, but it is another's by now."""
    (installed / "bin/evl").unlink()
    write(installed / "bin/evl", "a real libevl, installed later")
    before = snapshot(installed)
    done = run(INSTALL, build, "/opt/oobnet", installed.parent.parent)
    assert done.returncode == 1 and f"{installed}/bin/evl\n" in done.stderr
    assert snapshot(installed) == before


def test_a_foreign_manifest_is_not_believed(build, tmp_path):
    write(tmp_path / "dest/opt/oobnet/share/oobnet/manifest", "something else\n")
    before = snapshot(tmp_path)
    done = run(INSTALL, build, "/opt/oobnet", tmp_path / "dest")
    assert done.returncode == 1 and "is not a manifest" in done.stderr
    assert snapshot(tmp_path) == before


def test_files_of_an_older_version_go(build, installed):
    """Two that the next installation does not have: one is as it was installed, the other is not."""
    manifest = installed / "share/oobnet/manifest"
    for name in ("bin/evl-old", "bin/evl-changed"):
        digest = hashlib.sha256(write(installed / name, "old\n").read_bytes()).hexdigest()
        manifest.write_text(manifest.read_text() + f"file {digest}\t{name}\n")
    write(installed / "bin/evl-changed", "changed by the user\n")
    done = run(INSTALL, build, "/opt/oobnet", installed.parent.parent)
    assert done.returncode == 0 and f"{installed}/bin/evl-changed was changed" in done.stderr
    assert not (installed / "bin/evl-old").exists()
    assert (installed / "bin/evl-changed").read_text() == "changed by the user\n"
    assert "evl-old" not in manifest.read_text() and "evl-changed" not in manifest.read_text()


def test_an_interrupted_installation_is_finished(build, tmp_path):
    """Files of an earlier version are still there, and the manifest was written before they were replaced."""
    dest = tmp_path / "dest"
    check(INSTALL, build, "/opt/oobnet", dest)
    prefix = dest / "opt/oobnet"
    wanted = snapshot(prefix)
    manifest = prefix / "share/oobnet/manifest"
    old = hashlib.sha256(b"earlier version\n").hexdigest()
    manifest.write_text(manifest.read_text() + f"file {old}\tbin/evl\n")
    (prefix / "bin/evl").write_text("earlier version\n")
    (prefix / "lib/liboobnet.so.0").unlink()
    check(INSTALL, build, "/opt/oobnet", dest)
    assert snapshot(prefix) == wanted


def test_remove_takes_only_ours(build, tmp_path):
    dest = tmp_path / "dest"
    theirs = write(dest / "opt/oobnet/bin/theirs", "theirs")
    before = snapshot(tmp_path)
    check(INSTALL, build, "/opt/oobnet", dest)
    assert snapshot(tmp_path) != before
    check(INSTALL, "--remove", "/opt/oobnet", dest)
    assert snapshot(tmp_path) == before and theirs.read_text() == "theirs"
    done = run(INSTALL, "--remove", "/opt/oobnet", dest)
    assert done.returncode == 1 and "nothing of oobnet" in done.stderr


@pytest.mark.parametrize("args", [[], ["x"], ["build", "relative"], ["--what", "/usr/evl"]])
def test_misuse(tmp_path, args):
    done = run(INSTALL, *args, cwd=tmp_path)
    assert done.returncode == 1 and done.stderr
    assert not any(tmp_path.iterdir())
