# SPDX-License-Identifier: MIT
"""Fixtures of the lab tests: a pair of machines for each kernel and card."""

import pathlib

import pytest
from oobnetlab import Lab
from oobnetlab.lab import DEFAULT_CACHE

# The cloud kernels have no driver for e1000.
COMBINATIONS = [("6.1-cloud", "virtio"), ("6.1-rt", "virtio"), ("6.1-rt", "e1000")]
CONSOLE_SHOWN = 4000  # characters


def pytest_addoption(parser):
    group = parser.getgroup("lab")
    group.addoption("--tree", metavar="DIR", type=pathlib.Path,
                    help="install tree (what DESTDIR names) to put into the machines")
    group.addoption("--lab-cache", metavar="DIR", type=pathlib.Path, default=DEFAULT_CACHE,
                    help="where kernels and images are kept (default: %(default)s)")


def pytest_collection_modifyitems(config, items):
    """For pytest -n 2 --dist loadgroup: what shares a pair of machines runs where that pair is."""
    for item in items:
        pair = getattr(item, "callspec", None)
        kind = pair.params.get("lab") if pair else None
        item.add_marker(pytest.mark.xdist_group(f"{item.path.name} {kind or ''}"))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A test that failed shows the end of the consoles of its machines."""
    outcome = yield
    report = outcome.get_result()
    lab = getattr(item, "funcargs", {}).get("lab")
    if report.failed and isinstance(lab, Lab):
        for name, machine in lab.machines.items():
            report.sections.append((f"console of {name}", machine.console()[-CONSOLE_SHOWN:]))


@pytest.fixture(scope="session")
def lab_cache(request):
    """The directory with kernels and images."""
    return request.config.getoption("--lab-cache")


@pytest.fixture(scope="session")
def tree(request):
    """The install tree given by --tree, or None."""
    return request.config.getoption("--tree")


@pytest.fixture(scope="module", params=COMBINATIONS, ids=["-".join(c) for c in COMBINATIONS])
def lab(request, tree, lab_cache):
    """A pair of machines, `lab.target` and `lab.issuer`, new for each file and combination. At the end
    neither may have reported a fault of its kernel."""
    kernel, card = request.param
    with Lab(kernel, card, tree=tree, cache=lab_cache) as pair:
        yield pair
        for machine in pair.machines.values():
            assert not machine.complaints()
