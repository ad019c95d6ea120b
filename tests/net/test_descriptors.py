# SPDX-License-Identifier: MIT
"""Descriptors closed, copied, reused, inherited behind the library's back, in executables and in modules: no call
ever reaches an old socket. And the regular calls that the headers lead through the library, with every compiler."""

import os
import re
import subprocess

import pytest
from programs import HERE, ROOT, compile_program, compilers, is_sanitized, library_flags

SOURCES = HERE / "descriptors"
INCLUDES = ["-D_GNU_SOURCE", f"-I{ROOT}", f"-I{HERE}/step"]
CHECKS = [SOURCES / "check.c", HERE / "step/outside.c"]
CASES = re.findall(r'^\t\{ "([a-z-]+)", case_', (SOURCES / "cases.c").read_text(), re.M)
ONCE = ("cycles",)  # what no compiler changes: it is about the library
BUILDS = [("gcc", "-O0"), ("gcc", "-O2"), ("clang", "-O0"), ("clang", "-O2")]

# How a C or C++ program may be compiled.
OPTIONS = {
    "O0": ["-O0"],
    "O2": ["-O2"],
    "fortified": ["-O2", "-D_FORTIFY_SOURCE=2"],
    "LTO": ["-O2", "-flto"],
    "position dependent": ["-O2", "-fno-pie", "-no-pie"],
    "no inlining": ["-O2", "-fno-inline"],
}
STANDARDS = {"calls.c": ["c11", "gnu11", "c17", "gnu17"], "calls.cc": ["c++11", "c++17", "gnu++17", "c++20"]}


@pytest.fixture
def environment(world):
    """What the programs find the other end by; run() starts one of them inside."""
    world.enable()
    issuer = world.issuer.packet_socket("veth1")
    env = {**os.environ, "IFNAME": "veth0", "FD": str(issuer.fileno()), "VID": str(world.VID),
           "TARGET": world.target_mac.hex(), "SELF": world.issuer_mac.hex()}

    def run(*command, **more):
        done = subprocess.run(world.target.enter + [str(c) for c in command], pass_fds=[issuer.fileno()], env=env | more,
                              text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120)
        assert done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout}{done.stderr}"

    yield run
    issuer.close()


def skip_foreign(prefix, compiler):
    if compiler not in compilers(prefix, [compiler]):
        pytest.skip("a library with clang's sanitizers needs clang")


@pytest.mark.parametrize("compiler, level", BUILDS)
def test_cases(world, environment, tmp_path, compiler, level):
    skip_foreign(world.prefix, compiler)
    program = tmp_path / "cases"
    compile_program(compiler, level, "-std=gnu11", *INCLUDES, "-o", program, SOURCES / "cases.c",
                    SOURCES / "elsewhere.c", *CHECKS, *library_flags(world.prefix))
    assert len(CASES) >= 13
    for case in CASES:
        # A child leaves its parent's objects alone: LeakSanitizer takes them for lost.
        more = {"ASAN_OPTIONS": "detect_leaks=0"} if case == "fork" else {}
        if case not in ONCE or (compiler, level) == ("clang", "-O2"):
            environment(program, case, **more)


@pytest.mark.parametrize("compiler, level", BUILDS)
def test_module_knows_the_library(world, environment, tmp_path, compiler, level):
    skip_foreign(world.prefix, compiler)
    module, host = tmp_path / "module.so", tmp_path / "plain_host"
    compile_program(compiler, level, "-std=gnu11", "-shared", "-fPIC", *INCLUDES, "-o", module, SOURCES / "module.c",
                    *CHECKS, *library_flags(world.prefix))
    sanitize = ["-fsanitize=address,undefined"] if is_sanitized(world.prefix) else []
    compile_program(compiler, level, "-std=gnu11", *sanitize, "-o", host, SOURCES / "plain_host.c", "-ldl")
    environment(host, module)


@pytest.mark.parametrize("compiler, level", BUILDS)
def test_executable_knows_the_library(world, environment, tmp_path, compiler, level):
    skip_foreign(world.prefix, compiler)
    module, host = tmp_path / "elsewhere.so", tmp_path / "plain_module"
    compile_program(compiler, level, "-std=gnu11", "-shared", "-fPIC", "-D_GNU_SOURCE", "-o", module,
                    SOURCES / "elsewhere.c")
    compile_program(compiler, level, "-std=gnu11", *INCLUDES, "-o", host, SOURCES / "plain_module.c", *CHECKS,
                    *library_flags(world.prefix), "-ldl")
    environment(host, module)


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("compiler, source", [("gcc", "calls.c"), ("clang", "calls.c"), ("g++", "calls.cc"),
                                              ("clang++", "calls.cc")])
def test_calls(tree, tmp_path, compiler, source, options):
    """No port is needed: a packet socket that is bound to nothing is out-of-band already."""
    prefix = tree / "usr/evl"
    skip_foreign(prefix, compiler)
    program = tmp_path / "calls"
    linker = ["-fuse-ld=lld"] if options == "LTO" and compiler.startswith("clang") else []
    compile_program(compiler, *OPTIONS[options], *linker, "-o", program, SOURCES / source, *library_flags(prefix))
    done = subprocess.run([program], text=True, stderr=subprocess.PIPE, timeout=60)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("compiler, source", [("gcc", "calls.c"), ("clang", "calls.c"), ("g++", "calls.cc"),
                                              ("clang++", "calls.cc")])
def test_standards(tree, tmp_path, compiler, source):
    prefix = tree / "usr/evl"
    skip_foreign(prefix, compiler)
    for standard in STANDARDS[source]:
        program = tmp_path / standard
        compile_program(compiler, f"-std={standard}", "-O1", "-o", program, SOURCES / source, *library_flags(prefix))
        subprocess.run([program], check=True, timeout=60)
