# SPDX-License-Identifier: MIT
"""The directory of a running lab: sockets and console logs, away with the process that made it."""

import fcntl
import os
import pathlib
import shutil
import tempfile

PREFIX = "oobnetlab-"
LOCK = "lock"


class WorkDir:
    """A directory below the system's temporary one (socket paths must be short). It is locked as long as its
    maker lives; those whose maker was killed are removed by the next lab."""

    def __init__(self):
        _sweep()
        self.path = pathlib.Path(tempfile.mkdtemp(prefix=PREFIX))
        lock = self.path / f".{LOCK}"
        self._lock = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        # Only a locked file gets the name that a sweep looks for.
        lock.rename(self.path / LOCK)

    def remove(self):
        shutil.rmtree(self.path)
        os.close(self._lock)


def _sweep():
    for path in pathlib.Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        try:
            lock = os.open(path / LOCK, os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            # Just being made, just being removed, or another user's.
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(path, ignore_errors=True)
        except BlockingIOError:
            pass
        finally:
            os.close(lock)
