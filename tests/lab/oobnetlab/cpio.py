# SPDX-License-Identifier: MIT
"""Archives in the "newc" format of cpio, which is what a kernel unpacks as its first root."""

import stat


class Archive:
    """Collects entries; a path named again replaces the former entry, and missing parents are added."""

    def __init__(self):
        self._entries = {}

    def paths(self):
        return list(self._entries)

    def _add(self, path, mode, data=b"", device=(0, 0)):
        parent = path.rpartition("/")[0]
        if parent and parent not in self._entries:
            self._add(parent, stat.S_IFDIR | 0o755)
        self._entries[path] = (mode, data, device)

    def directory(self, path, mode=0o755):
        self._add(path.strip("/"), stat.S_IFDIR | mode)

    def file(self, path, data, mode=0o644):
        self._add(path.strip("/"), stat.S_IFREG | mode, data)

    def symlink(self, path, target):
        self._add(path.strip("/"), stat.S_IFLNK | 0o777, target.encode())

    def character_device(self, path, major, minor, mode=0o600):
        self._add(path.strip("/"), stat.S_IFCHR | mode, device=(major, minor))

    def dump(self):
        """The archive's bytes. The same entries always give the same bytes."""
        parts = []
        for inode, (path, entry) in enumerate(self._entries.items(), 1):
            parts.append(_record(inode, path, *entry))
        parts.append(_record(0, "TRAILER!!!", 0, b"", (0, 0)))
        return b"".join(parts)


def _record(inode, path, mode, data, device):
    name = path.encode() + b"\0"
    fields = (inode, mode, 0, 0, 1, 0, len(data), 0, 0, device[0], device[1], len(name), 0)
    head = b"070701" + b"".join(b"%08x" % field for field in fields) + name
    return head + b"\0" * (-len(head) % 4) + data + b"\0" * (-len(data) % 4)
