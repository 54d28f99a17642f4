"""A package is a BagIt 1.0 bag (RFC 8493): payload under ``data/``, and tag files that follow from the payload alone.

Because they do, a checker does not read them: it makes them again and compares. That shows the bag to be complete and
valid (RFC 8493 §3), and leaves no byte of a tag file that could say something else.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from archive_verify.package import Digests, Package

_DECLARATION = b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"


def tag_files(record_id: str, payload: Mapping[str, Digests]) -> dict[str, bytes]:
    """Return the tag files of a bag by name. ``payload`` maps names under ``data/`` to their digests.

    The manifests have the form that ``sha256sum --check`` and ``sha512sum --check`` read.
    """
    total = sum(digests.size_bytes for digests in payload.values())
    files = {
        "bagit.txt": _DECLARATION,
        "bag-info.txt": f"External-Identifier: {record_id}\nPayload-Oxum: {total}.{len(payload)}\n".encode(),
        "manifest-sha256.txt": _manifest({name: digests.sha256 for name, digests in payload.items()}),
        "manifest-sha512.txt": _manifest({name: digests.sha512 for name, digests in payload.items()}),
    }
    digests_of_tags = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    return {**files, "tagmanifest-sha256.txt": _manifest(digests_of_tags)}


def bag_problems(package: Package) -> list[str]:
    """Return what of the package's tag files is missing, or other than the payload gives; and what is neither."""
    payload = {name: package.digests(name) for name in package.names("data/")}
    expected = tag_files(package.folder, payload)
    problems = [f"{name} is no part of the bag." for name in package.names() if name not in {*payload, *expected}]
    for name, content in expected.items():
        if name not in package:
            problems.append(f"{name} is missing.")
        elif package.view(name) != content:
            problems.append(f"{name} does not agree with the files under data/.")
    return problems


def _manifest(digests: Mapping[str, str]) -> bytes:
    return "".join(f"{digests[name]}  {name}\n" for name in sorted(digests)).encode()
