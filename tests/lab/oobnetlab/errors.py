# SPDX-License-Identifier: MIT
"""What can go wrong in the lab itself."""


class LabError(Exception):
    """The lab cannot do what was asked: a package, a tool or a machine is missing or failed to start."""
