# SPDX-License-Identifier: MIT
"""Building small C and C++ programs against the install tree under test."""

import pathlib
import subprocess

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
WARNINGS = ["-Wall", "-Wextra", "-Werror"]
SANITIZE = ["-fsanitize=address,undefined", "-g"]


def is_sanitized(prefix):
    """Is the library built with sanitizers? Then programs that load it need them as well, and clang."""
    symbols = subprocess.run(["nm", "-D", prefix / "lib/liboobnet.so"], check=True, text=True, stdout=subprocess.PIPE).stdout
    return " __asan_init" in symbols


def compilers(prefix, names):
    return [name for name in names if name.startswith("clang") or not is_sanitized(prefix)]


def compile_program(compiler, *args):
    command = [compiler, *WARNINGS, *map(str, args)]
    done = subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}"


def library_flags(prefix):
    """To compile against the tree, link to its library, and find it at run time."""
    return [f"-I{prefix}/include", f"-L{prefix}/lib", "-levl", f"-Wl,-rpath,{prefix}/lib",
            *(SANITIZE if is_sanitized(prefix) else [])]
