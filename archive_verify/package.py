"""The form of an evidence package: a ZIP file in which every byte is either content or follows from the content.

Members are stored (not compressed), in the order of their names, dated 1980-01-01, with no comments, no extra fields,
no data descriptors and no ZIP64 records (PKWARE APPNOTE 6.3). The same contents therefore always give the same file,
and a reader finds out about any other byte by building headers and directory again and comparing them.
"""

from __future__ import annotations

import hashlib
import re
import struct
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from mmap import mmap

from archive_verify.errors import Malformed

# Names are plain ASCII paths: nothing to escape in a manifest, nothing that leaves the folder it is unpacked into.
# The first part is the bag's own folder (RFC 8493 §4), named after the record.
NAME = re.compile(r"(?:[A-Za-z0-9_-][A-Za-z0-9._-]*/)+[A-Za-z0-9_-][A-Za-z0-9._-]*")

# Beyond these a ZIP file would need ZIP64 records, which this form does not have.
MAX_PACKAGE_BYTES = 2**32 - 1
MAX_MEMBERS = 2**16 - 1

# What is read into memory at once: everything but the documents is far smaller.
MAX_TEXT_BYTES = 16 * 2**20

_LOCAL = struct.Struct("<4s5H3I2H")
_DIRECTORY = struct.Struct("<4s6H3I5H2I")
_END = struct.Struct("<4s4H2IH")
_LOCAL_MARK = b"PK\x03\x04"
_VERSION_NEEDED = 10  # stored members only (APPNOTE 4.4.3.2)
_MADE_BY = (3 << 8) | 20  # Unix, so that the attributes below are its file mode
_ATTRIBUTES = 0o100644 << 16  # an ordinary file that its owner may write and others read
_DATE = (1 << 5) | 1  # 1980-01-01, the first day that a ZIP file can name


@dataclass(frozen=True, slots=True)
class Digests:
    """What headers and manifests say of a run of bytes. Digests are in hexadecimal."""

    size_bytes: int
    crc32: int
    sha256: str
    sha512: str


@dataclass(frozen=True, slots=True)
class Member:
    """One file of a package: its full name, the digests of its content, and where the content starts."""

    name: str
    digests: Digests
    offset: int


def digests_of(blocks: Iterable[bytes | memoryview]) -> Digests:
    """Return size and digests of the bytes that the blocks make up, in one pass."""
    size, crc, sha256, sha512 = 0, 0, hashlib.sha256(), hashlib.sha512()
    for block in blocks:
        size += len(block)
        crc = zlib.crc32(block, crc)
        sha256.update(block)
        sha512.update(block)
    return Digests(size, crc, sha256.hexdigest(), sha512.hexdigest())


def local_header(name: str, digests: Digests) -> bytes:
    """Return what stands before a member's content (APPNOTE 4.3.7)."""
    size = digests.size_bytes
    header = _LOCAL.pack(
        _LOCAL_MARK, _VERSION_NEEDED, 0, 0, 0, _DATE, digests.crc32, size, size, len(name), 0
    )  # fmt: skip
    return header + name.encode("ascii")


def directory(members: Sequence[Member]) -> bytes:
    """Return what stands after the last content: the central directory and its end (APPNOTE 4.3.12, 4.3.16)."""
    entries = []
    start = 0
    for member in members:
        size = member.digests.size_bytes
        head = _DIRECTORY.pack(
            b"PK\x01\x02", _MADE_BY, _VERSION_NEEDED, 0, 0, 0, _DATE, member.digests.crc32, size, size,
            len(member.name), 0, 0, 0, 0, _ATTRIBUTES, member.offset - _LOCAL.size - len(member.name),
        )  # fmt: skip
        entries.append(head + member.name.encode("ascii"))
        start = member.offset + size
    listing = b"".join(entries)
    return listing + _END.pack(b"PK\x05\x06", 0, 0, len(members), len(members), len(listing), start, 0)


class Package:
    """The members of a package, and everything that is not as it would be built from them.

    ``folder`` is the bag's folder inside the ZIP file; member names are given without it.
    """

    def __init__(self, data: bytes | mmap) -> None:
        """Read a whole package. What is wrong with it is not raised but in ``problems``: the rest can be read."""
        self.data = memoryview(data)
        self.problems: list[str] = []
        members = self._walk()
        self.folder = members[0].name.partition("/")[0] if members else ""
        self.members = {member.name.removeprefix(f"{self.folder}/"): member for member in members}
        self._compare(members)

    def _walk(self) -> list[Member]:
        """Return the members one after the other, as their own headers announce them."""
        members: list[Member] = []
        at = 0
        while bytes(self.data[at : at + 4]) == _LOCAL_MARK and len(self.data) >= at + _LOCAL.size:
            *_, size, name_length, extra_length = _LOCAL.unpack_from(self.data, at)
            start = at + _LOCAL.size + name_length + extra_length
            name = bytes(self.data[at + _LOCAL.size : at + _LOCAL.size + name_length]).decode("latin-1")
            if start + size > len(self.data):
                self.problems.append(f"{name!r} is longer than the file.")
                break
            digests = digests_of([self.data[start : start + size]])
            if not NAME.fullmatch(name) or self.data[at:start] != local_header(name, digests):
                self.problems.append(f"The header of {name!r} is not the one that its content gives.")
            members.append(Member(name, digests, start))
            at = start + size
        return members

    def _compare(self, members: Sequence[Member]) -> None:
        names = [member.name for member in members]
        if names != sorted(set(names)):
            self.problems.append("The members are not in the order of their names, or a name occurs twice.")
        if any(not name.startswith(f"{self.folder}/") for name in names):
            self.problems.append("The members are not all in one folder.")
        if len(members) > MAX_MEMBERS or len(self.data) > MAX_PACKAGE_BYTES or not members:
            self.problems.append("It is empty, or too large to be an evidence package.")
            return
        end = members[-1].offset + members[-1].digests.size_bytes
        if any(not name.isascii() for name in names) or self.data[end:] != directory(members):
            self.problems.append("The ZIP directory is not the one that the members give.")

    def __contains__(self, name: str) -> bool:
        return name in self.members

    def names(self, folder: str = "") -> list[str]:
        """Return the names of the members below a folder (all without), in order."""
        return sorted(name for name in self.members if name.startswith(folder))

    def digests(self, name: str) -> Digests:
        """Return the digests of a member's content. Raises Malformed when there is no such member."""
        return self._member(name).digests

    def content(self, name: str) -> bytes:
        """Return a small member's content. Raises Malformed when there is none, or it is larger than 16 MiB."""
        if self._member(name).digests.size_bytes > MAX_TEXT_BYTES:
            raise Malformed(f"{name} is larger than anything of its kind.")
        return bytes(self.view(name))

    def view(self, name: str) -> memoryview:
        """Return a member's content without copying it. Raises Malformed when there is no such member."""
        member = self._member(name)
        return self.data[member.offset : member.offset + member.digests.size_bytes]

    def _member(self, name: str) -> Member:
        if name not in self.members:
            raise Malformed(f"{name} is missing.")
        return self.members[name]
