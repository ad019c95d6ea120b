# SPDX-License-Identifier: MIT
"""On which kernels and cards a file of lab tests runs, where all of them would tell no more."""

import pytest

CLOUD, RT_E1000 = ("6.1-cloud", "virtio"), ("6.1-rt", "e1000")


def on_pairs(*pairs):
    """A mark for tests that use the fixture `lab`, in place of every combination of conftest.py."""
    return pytest.mark.parametrize("lab", pairs, indirect=True, ids=["-".join(p) for p in pairs], scope="module")
