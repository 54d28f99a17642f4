"""A disposal in a small archive, told step by step, so that a test can tell any step otherwise; and its package."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from archive_service.evidence.canonical import canonical_json
from archive_service.evidence.entry import SealedEvent
from archive_service.evidence.package import DisposalParts, EntryParts, TrustParts
from archive_service.model.events import EventType
from archive_service.model.identifiers import RecordId
from tests.packages import SmallArchive, signed_pdf

DISPOSAL = "0177eb15-b400-7000-8000-0000000000d1"
PROPOSER, APPROVER = "account:lan", "account:minh"
COUNCIL = ("account:an", "account:binh", "key:0c41")

# Two that go, one that a person takes out, one that a hold keeps.
GONE, ALSO_GONE, EXCEPTED, KEPT = RECORDS = tuple(
    RecordId(f"0177eb15-a400-7000-8000-00000000000{n}") for n in (1, 2, 3, 4)
)


@dataclass
class Disposing:
    """A disposal under way. What was said of it so far goes into the certificate; ``events`` into the package."""

    archive: SmallArchive
    id: str = DISPOSAL
    action: str = "destroy"
    events: list[tuple[int, SealedEvent]] = field(default_factory=list)
    said: dict[str, Any] = field(default_factory=dict)
    listed: dict[RecordId, dict[str, Any]] = field(default_factory=dict)
    certificate: bytes = b""
    paper: bytes | None = b""

    def whole(self) -> Disposing:
        """Let all of it happen as it should."""
        self.propose()
        self.decide()
        self.carry_out()
        self.certify()
        return self

    def decide(self, approver: str = APPROVER) -> None:
        """Let a record be excepted, the council agree and somebody approve."""
        self.take_out(EXCEPTED)
        for member in COUNCIL:
            self.vote(member)
        self.approve(approver)

    def carry_out(self) -> None:
        """Let the records go that nothing keeps."""
        self.dispose(GONE)
        self.dispose(ALSO_GONE)
        self.listed[KEPT] |= {"state": "kept", "reason": "A hold has been placed on it."}

    def happens(self, type_: EventType, values: Mapping[str, Any], record: RecordId | None = None) -> int:
        """Let something happen, beside other things in the log; return its entry's index."""
        self.archive.happens(EventType.SEARCHED, {"q": "x"}, None, 0)
        happened = self.archive.happens(type_, {"disposal": self.id, **values}, record)
        self.events.append(happened)
        return happened[0]

    def propose(self, records: Sequence[RecordId] = RECORDS, **changed: Any) -> None:
        self.listed = {record: _listed(record) for record in records}
        lines = sorted(f"{record} {one['sha256']}\n" for record, one in self.listed.items())
        values = {
            "action": self.action,
            "title": "Sổ BHXH năm 1996",
            "office": "BHXH-48",
            "proposed_by": PROPOSER,
            "council": list(COUNCIL),
            "records": len(records),
            "list_sha256": hashlib.sha256("".join(lines).encode()).hexdigest(),
        }
        self.happens(EventType.DISPOSAL_PROPOSED, values | changed)
        named = {name: values[name] for name in ("action", "title", "office", "proposed_by")}
        self.said = named | {"proposed_at": self._now(), "council": [], "exceptions": [], "receipt": None}

    def take_out(self, record: RecordId, reason: str = "còn khiếu nại") -> None:
        self.happens(EventType.DISPOSAL_EXCEPTED, {"record": record, "reason": reason})
        self.listed[record] |= {"state": "excepted", "reason": reason}
        self.said["exceptions"].append({"record_id": record, "reason": reason, "actor": PROPOSER})

    def vote(self, member: str, vote: str = "agree", reason: str = "") -> None:
        values = {"member": member, "vote": vote, "reason": reason}
        self.happens(EventType.DISPOSAL_VOTED, values)
        self.said["council"].append(values | {"voted_at": self._now()})

    def approve(self, approver: str = APPROVER) -> None:
        self.happens(EventType.DISPOSAL_APPROVED, {"approved_by": approver})
        self.said |= {"approved_by": approver, "approved_at": self._now()}

    def receive(self) -> None:
        receipt = {"receiver": "Lưu trữ lịch sử", "reference": "07/BB", "received_on": "2026-11-24", "text": "đủ"}
        self.happens(EventType.TRANSFER_RECEIVED, receipt)
        self.said["receipt"] = receipt

    def dispose(self, record: RecordId, **changed: Any) -> None:
        listed = self.listed[record]
        values = {name: listed[name] for name in ("due_on", "sha256", "size_bytes")}
        index = self.happens(EventType.DISPOSED, {"class": listed["class_code"], **values, **changed}, record)
        listed |= {"state": "disposed", "disposed_at": self._now(), "entry": index}

    def certify(
        self,
        change: Callable[[dict[str, Any]], None] = lambda _: None,
        *,
        paper: bytes | None = b"",
        **changed: Any,
    ) -> None:
        """Issue the certificate, after ``change`` was made to it; ``changed`` replaces what the log says of it."""
        values = {"format": 1, "disposal": self.id, **self.said, "records": list(self.listed.values())}
        states = [one["state"] for one in self.listed.values()]
        counts = {state: states.count(state) for state in ("disposed", "kept", "excepted")}
        values["counts"] = {"proposed": len(states), **counts}
        change(values)
        self.certificate = canonical_json(values)
        self.paper = signed_pdf(self.archive.agency) if paper == b"" else paper
        committed = {"certificate": _digests(self.certificate), "paper": _digests(self.paper), "records": len(states)}
        self.happens(EventType.DISPOSAL_CERTIFIED, {**committed, **counts, **changed})

    def stamp(self) -> bytes:
        """Return an evidence record over what is to be stamped."""
        objects = [self.certificate, self.paper, self.events[-1][1].entry]
        return self.archive.stamp_group([one for one in objects if one is not None])

    def parts(self, **changed: Any) -> DisposalParts:
        """Return the parts of a package as of now; ``changed`` replaces some."""
        archive = self.archive
        note = archive.witness.cosign(archive.log.checkpoint(archive.clock.now()), archive.clock.now())
        keys = [key.text for key in archive.signer.verifier_keys]
        made: dict[str, Any] = {
            "disposal_id": self.id,
            "certificate": self.certificate,
            "paper": self.paper,
            "entries": [
                EntryParts(index, one.entry, one.payload, one.salt, archive.log.proof(index, note))
                for index, one in self.events
            ],
            "checkpoint": note.data,
            "trust": TrustParts(keys, archive.authority.roots, [archive.agency.der]),
            "with_checker": False,
        }
        if "evidence" not in changed:
            made["evidence"] = {"local": self.stamp()}
        return DisposalParts(**{**made, **changed})

    def _now(self) -> str:
        # As a database says it, in another zone: the same instant.
        return self.archive.clock.now().astimezone(dt.timezone(dt.timedelta(hours=7))).isoformat()


def _listed(record: RecordId) -> dict[str, Any]:
    return {
        "record_id": record,
        "sha256": hashlib.sha256(record.encode()).hexdigest(),
        "size_bytes": 1000,
        "class_code": "BHXH-20",
        "due_on": "2026-11-23",
        "state": "listed",
        "reason": None,
        "disposed_at": None,
        "entry": None,
    }


def _digests(content: bytes | None) -> dict[str, Any] | None:
    if content is None:
        return None
    sha256, sha512 = hashlib.sha256(content).hexdigest(), hashlib.sha512(content).hexdigest()
    return {"sha256": sha256, "sha512": sha512, "size_bytes": len(content)}
