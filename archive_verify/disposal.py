"""A disposal as its package tells it: the certificate, and the entries that the certificate has to agree with.

The certificate is the archive's own list of what went and what stayed; the log's last entry about the disposal commits
to its bytes. How it is written is known here and nowhere else: what is read from it is read strictly.
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from archive_verify.contents import CERTIFICATE, Entry, entries, read_json
from archive_verify.errors import Malformed, Refused
from archive_verify.package import Package

_FORMAT = 1
_RECORD_ID = re.compile(r"[0-9A-Za-z-]{1,64}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_SAYS = frozenset(
    {
        *("format", "disposal", "title", "office", "action", "schedules", "proposed_by", "proposed_at", "council"),
        *("approved_by", "approved_at", "receipt", "exceptions", "completed_at", "list_sha256", "counts", "records"),
    }
)
_SAYS_OF_A_RECORD = frozenset(
    {
        *("record_id", "sha256", "size_bytes", "class_code", "due_on", "state", "reason", "disposed_at", "entry"),
        *("kept_because", "transferred_sha256"),
    }
)


class Kind(StrEnum):
    """The entries that a disposal is made of, in the order in which they come; excepting and voting take turns."""

    PROPOSED = "disposal-proposed"
    EXCEPTED = "disposal-excepted"
    VOTED = "disposal-voted"
    APPROVED = "disposal-approved"
    RECEIVED = "transfer-received"
    DISPOSED = "disposed"
    CERTIFIED = "disposal-certified"


class State(StrEnum):
    """What became of a record that was proposed."""

    DISPOSED = "disposed"
    KEPT = "kept"  # something forbade it at the very moment: a hold, a lock, a later date
    EXCEPTED = "excepted"  # somebody took it off the list


@dataclass(frozen=True, slots=True)
class Listed:
    """A record in the certificate. ``entry`` is the log's index of the entry of its disposal, None where it stayed."""

    record_id: str
    sha256: str
    size_bytes: Any
    retention_class: Any
    due_on: Any
    state: State
    entry: int | None
    disposed_at: dt.datetime | None
    transferred_sha256: Any


@dataclass(frozen=True, slots=True)
class Vote:
    """What a member of the council said, and when, by the certificate."""

    member: str
    vote: str
    reason: str
    voted_at: dt.datetime


@dataclass(frozen=True, slots=True)
class Certificate:
    """What the certificate says. ``exceptions`` are records with the reason why somebody took them off the list."""

    disposal: str
    action: str
    title: str
    office: str
    proposed_by: str
    proposed_at: dt.datetime
    votes: list[Vote]
    approved_by: str
    approved_at: dt.datetime
    receipt: Any
    exceptions: list[tuple[str, str]]
    records: list[Listed]
    counts: Any

    def ids(self, state: State) -> list[str]:
        """Return the records of that state, in the certificate's order."""
        return [record.record_id for record in self.records if record.state == state]


@dataclass(frozen=True, slots=True)
class Disposal:
    """The certificate, and the entries in the order of the log. ``id`` is what the package is named after."""

    id: str
    certificate: Certificate
    entries: list[Entry]

    def of(self, kind: Kind) -> list[Entry]:
        """Return the entries of a kind, in order."""
        return [entry for entry in self.entries if entry.type == kind]

    def only(self, kind: Kind) -> Entry:
        """Return the one entry of a kind. Raises Refused when there is none, or more than one."""
        found = self.of(kind)
        if len(found) != 1:
            raise Refused(f"There must be one entry {kind}; there are {len(found)}.")
        return found[0]

    def excepted(self) -> list[tuple[str, str]]:
        """Return records with the reason why somebody took them off the list, by the log."""
        return [(entry.values["record"], entry.values["reason"]) for entry in self.of(Kind.EXCEPTED)]


def read_disposal(package: Package) -> Disposal:
    """Return the disposal that the package tells of. Raises Malformed, and whatever a form that is none throws."""
    return Disposal(package.folder, _certificate(read_json(package.content(CERTIFICATE))), entries(package))


def _certificate(stated: dict[str, Any]) -> Certificate:
    if stated["format"] != _FORMAT:
        raise Malformed("The certificate is of an unknown format.")
    if unknown := stated.keys() - _SAYS:
        raise Malformed(f"The certificate says more than one says: {', '.join(sorted(unknown))}.")
    records = [_listed(one) for one in stated["records"]]
    if len({record.record_id for record in records}) != len(records):
        raise Malformed("The certificate lists a record twice.")
    return Certificate(
        disposal=stated["disposal"],
        action=stated["action"],
        title=stated["title"],
        office=stated["office"],
        proposed_by=stated["proposed_by"],
        proposed_at=_moment(stated["proposed_at"]),
        votes=[Vote(one["member"], one["vote"], one["reason"], _moment(one["voted_at"])) for one in stated["council"]],
        approved_by=stated["approved_by"],
        approved_at=_moment(stated["approved_at"]),
        receipt=stated["receipt"],
        exceptions=[(one["record_id"], one["reason"]) for one in stated["exceptions"]],
        records=records,
        counts=stated["counts"],
    )


def _listed(stated: dict[str, Any]) -> Listed:
    if unknown := stated.keys() - _SAYS_OF_A_RECORD:
        raise Malformed(f"The certificate says more of a record than one says: {', '.join(sorted(unknown))}.")
    record_id, sha256, state, entry = (stated[name] for name in ("record_id", "sha256", "state", "entry"))
    # Their lines are hashed: no id may hold what separates lines, or two lists could have one digest.
    if not _RECORD_ID.fullmatch(record_id) or not _SHA256.fullmatch(sha256):
        raise Malformed("The certificate lists a record without a well-formed id or digest.")
    is_gone = state == State.DISPOSED
    if is_gone != (type(entry) is int) or is_gone != (stated["disposed_at"] is not None):
        raise Malformed(f"The certificate does not say one thing of whether record {record_id} is gone.")
    return Listed(
        record_id=record_id,
        sha256=sha256,
        size_bytes=stated["size_bytes"],
        retention_class=stated["class_code"],
        due_on=stated["due_on"],
        state=State(state),
        entry=entry if is_gone else None,
        disposed_at=_moment(stated["disposed_at"]) if is_gone else None,
        transferred_sha256=stated.get("transferred_sha256"),
    )


def _moment(text: Any) -> dt.datetime:
    """Return the instant that the certificate states, in any zone that it names. Raises Malformed.

    >>> _moment("2026-11-23T08:30:00+07:00").astimezone(dt.UTC).hour
    1
    """
    try:
        at = dt.datetime.fromisoformat(text)
    except (TypeError, ValueError) as wrong:
        raise Malformed("A time in the certificate has not the form of one.") from wrong
    if at.tzinfo is None:
        raise Malformed("A time in the certificate does not name its zone.")
    return at
