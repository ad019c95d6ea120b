# SPDX-License-Identifier: MIT
"""Fixtures of the namespace tests."""

import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from world import World  # noqa: E402


def pytest_addoption(parser):
    parser.addoption("--tree", metavar="DIR", type=pathlib.Path, required=True,
                     help="install tree (what DESTDIR names) under test")


@pytest.fixture(scope="session")
def tree(request):
    return request.config.getoption("--tree").resolve()


@pytest.fixture
def world(tree):
    """Two namespaces joined by a veth pair, new for each test."""
    w = World(tree)
    yield w
    w.close()
