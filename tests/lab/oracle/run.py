# SPDX-License-Identifier: MIT
"""Compiles replay.c, for a machine without libraries."""

import pathlib
import subprocess

SOURCE = pathlib.Path(__file__).resolve().parent / "replay.c"


def build(directory):
    """The program's path."""
    program = pathlib.Path(directory) / "replay"
    subprocess.run(["gcc", "-std=c11", "-D_GNU_SOURCE", "-O2", "-static", "-Wall", "-Wextra", "-Werror",
                    "-o", program, SOURCE], check=True)
    return program
