"""What stands where in an evidence package, and how its entries are read.

There are two kinds of package. That of a record holds under ``data/`` its original, the entries of its life, each with
the payload and salt that it commits to and the proof that the log holds it, every version of the metadata, and the
evidence. That of a disposal holds, in place of original and metadata, the certificate of what was disposed of and the
paper printed of it; its entries are those of the decision and of each record's end. Nothing else may be there: what no
check looks at could say anything.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from dataclasses import dataclass
from typing import Any

from archive_verify.errors import Malformed
from archive_verify.package import Package

ORIGINAL = "data/original.pdf"
SEALED = "data/renditions/sealed.pdf"
RECEIPT = "data/receipt.txt"
CERTIFICATE = "data/certificate.json"
PAPER = "data/certificate.pdf"
CHECKPOINT = "data/checkpoint.txt"
LOG_KEYS = "data/trust/log.vkey"
SIGNATURE_REPORT = "data/signatures/report.json"
README = "data/README.txt"

# What either kind must hold, and may hold.
_REQUIRED = (CHECKPOINT, LOG_KEYS, README)
_OPTIONAL = (
    r"data/entries/(0|[1-9][0-9]*)\.(entry|payload|salt|proof)",
    r"data/evidence/[A-Za-z0-9_-]+\.ers",
    r"data/tokens/[A-Za-z0-9_-]+\.tst",
    r"data/certificates/[A-Za-z0-9_-]+\.cer",
    r"data/revocation/[A-Za-z0-9_-]+\.(crl|ocsp)",
    r"data/trust/(tsa|agency)/[A-Za-z0-9_-]+\.cer",
    r"data/checker/archive_verify/[A-Za-z0-9_]+\.(py|typed|toml|md)",
)
_REQUIRED_OF_RECORD = (ORIGINAL, RECEIPT, *_REQUIRED)
_OPTIONAL_OF_RECORD = (
    re.escape(SEALED),
    re.escape(SIGNATURE_REPORT),
    r"data/metadata/[1-9][0-9]*\.(json|salt)",
    *_OPTIONAL,
)
_REQUIRED_OF_DISPOSAL = (CERTIFICATE, *_REQUIRED)
_OPTIONAL_OF_DISPOSAL = (re.escape(PAPER), *_OPTIONAL)
_SALT_BYTES = 32
_ENTRY_KEYS = {"at", "record", "sha256", "sha512", "type", "v"}
_ENTRY_VERSION = 1


@dataclass(frozen=True, slots=True)
class Entry:
    """An event: the entry's exact bytes and what it states, and the payload that it commits to.

    ``record`` is None for an event that is not about one record.
    """

    index: int
    data: bytes
    type: str
    record: str | None
    at: dt.datetime
    sha256: str
    sha512: str
    salt: bytes
    payload: bytes

    @property
    def values(self) -> dict[str, Any]:
        """What happened, from the payload. Raises Malformed."""
        values = read_json(self.payload).get("values")
        if not isinstance(values, dict):
            raise Malformed(f"The payload of entry {self.index} holds no values.")
        return values


def is_disposal(package: Package) -> bool:
    """Whether the package says that it is one of a disposal. Either kind may have no part of the other."""
    return CERTIFICATE in package or PAPER in package


def layout_problems(package: Package) -> list[str]:
    """Return which parts are missing, and which are there that no evidence package of its kind has."""
    names = package.names("data/")
    required = _REQUIRED_OF_DISPOSAL if is_disposal(package) else _REQUIRED_OF_RECORD
    allowed = re.compile("|".join(_OPTIONAL_OF_DISPOSAL if is_disposal(package) else _OPTIONAL_OF_RECORD))
    problems = [f"{name} is missing." for name in required if name not in package]
    problems += [
        f"{name} is no part of a package." for name in names if name not in required and not allowed.fullmatch(name)
    ]
    for folder, suffixes in (
        ("data/entries/", ("entry", "payload", "salt", "proof")),
        ("data/metadata/", ("json", "salt")),
    ):
        for stem in sorted({name.rpartition(".")[0] for name in package.names(folder)}):
            problems += [f"{stem}.{suffix} is missing." for suffix in suffixes if f"{stem}.{suffix}" not in package]
    return problems


def entries(package: Package) -> list[Entry]:
    """Return the entries in the order of the log. Raises Malformed, also when there are none."""
    indexes = sorted(
        int(name[len("data/entries/") : -len(".entry")])
        for name in package.names("data/entries/")
        if name.endswith(".entry")
    )
    if not indexes:
        raise Malformed("The package holds no entry.")
    return [_entry(package, index) for index in indexes]


def attested(package: Package) -> tuple[list[str], Entry]:
    """Return the names of the documents that time-stamps are about, and the entry that commits to them.

    Original and deposit of a record; of a disposal certificate, paper where there is one, and its last entry.
    """
    told = entries(package)
    if is_disposal(package):
        return [name for name in (CERTIFICATE, PAPER) if name in package], told[-1]
    return [ORIGINAL], told[0]


def manifest(package: Package) -> dict[str, Any]:
    """Return the record's manifest: the values of the first entry, its deposit. Raises Malformed."""
    first = entries(package)[0]
    if first.type != "deposited":
        raise Malformed("The first entry is not the deposit.")
    return first.values


def certificates(package: Package) -> list[bytes]:
    """Return the certificates that came along (DER): links of a path, trusted by nobody."""
    return [package.content(name) for name in package.names("data/certificates/")]


def revocation(package: Package) -> list[bytes]:
    """Return the revocation lists and OCSP answers that came along (DER)."""
    return [package.content(name) for name in package.names("data/revocation/")]


def read_json(data: bytes) -> dict[str, Any]:
    """Return a JSON object in which no name stands twice: all readers take it alike. Raises Malformed."""
    try:
        value = json.loads(data.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_no_number)
    except (ValueError, RecursionError) as wrong:
        raise Malformed("A part that should be JSON is not.") from wrong
    if not isinstance(value, dict):
        raise Malformed("A part that should be a JSON object is something else.")
    return value


def _entry(package: Package, index: int) -> Entry:
    stem = f"data/entries/{index}"
    data = package.content(f"{stem}.entry")
    stated = read_json(data)
    if set(stated) != _ENTRY_KEYS or stated["v"] != _ENTRY_VERSION:
        raise Malformed(f"Entry {index} has not the form of an entry.")
    salt = package.content(f"{stem}.salt")
    if len(salt) != _SALT_BYTES:
        raise Malformed(f"The salt of entry {index} has not {_SALT_BYTES} bytes.")
    return Entry(
        index=index,
        data=data,
        type=str(stated["type"]),
        record=None if stated["record"] is None else str(stated["record"]),
        at=instant(stated["at"]),
        sha256=str(stated["sha256"]),
        sha512=str(stated["sha512"]),
        salt=salt,
        payload=package.content(f"{stem}.payload"),
    )


def instant(text: Any) -> dt.datetime:
    """Return the instant that an entry or receipt states in UTC. Raises Malformed.

    >>> instant("2026-11-23T01:30:00.000000Z").hour
    1
    """
    try:
        return dt.datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=dt.UTC)
    except (TypeError, ValueError) as wrong:
        raise Malformed("A time has not the form of one.") from wrong


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a name stands twice")
    return value


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is no number")
