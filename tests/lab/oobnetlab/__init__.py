# SPDX-License-Identifier: MIT
"""Virtual machines on one Ethernet segment, for tests that need a kernel or a card of their own."""

from .errors import LabError
from .lab import Lab
from .machine import CommandFailed, CommandTimeout, Job, Machine, MachineError, Result

__all__ = ["CommandFailed", "CommandTimeout", "Job", "Lab", "LabError", "Machine", "MachineError",
           "Result"]
