"""Giving out what proves a disposal: certificate, paper and the entries that the certificate has to agree with.

Everything comes from the locked store and from the log: what certificate and paper say is theirs, and that they are the
ones certified is the log's. A register that was made anew gives the same package. It is for whoever does not trust the
archive, names who decided, and its giving is logged first.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from archive_service.errors import Conflict, Message, NotFound
from archive_service.evidence.package import DisposalParts, EvidencePackage, lay_out_disposal
from archive_service.lifecycle.disposal.proposed import require_done
from archive_service.lifecycle.disposal.told import first_since, is_of, told_since
from archive_service.lifecycle.evidence.enclosed import entry_parts, opened, seal_roots, trust_parts
from archive_service.lifecycle.log.inclusion import covering_checkpoint, note_of
from archive_service.lifecycle.marks import oldest
from archive_service.lifecycle.proven import proven_object
from archive_service.lifecycle.timestamps.stamped import authorities_of_entry, evidence_record_of_entry
from archive_service.model.archive import Archive
from archive_service.model.events import Event, EventType, LoggedEvent
from archive_service.model.objects import not_readable
from archive_service.model.permissions import Action, Caller, require
from archive_service.model.record import ContentDigest, ObjectVersion
from archive_service.model.units import RegisterUnit
from archive_verify.log_history import CLOCK_SKEW
from archive_verify.package import MAX_TEXT_BYTES

# What is decided about a disposal, as against what becomes of each of its records.
_DECISION = (
    EventType.DISPOSAL_PROPOSED,
    EventType.DISPOSAL_EXCEPTED,
    EventType.DISPOSAL_VOTED,
    EventType.DISPOSAL_APPROVED,
    EventType.TRANSFER_RECEIVED,
    EventType.DISPOSAL_CERTIFIED,
)

# A caller's word goes into a key of the store only where it can be an id.
_ID = re.compile(r"[0-9A-Za-z-]{1,64}")

# The certificate, and the paper that was printed of it and sealed.
_FORMS = ("json", "pdf")


@contextmanager
def disposal_package(archive: Archive, caller: Caller, disposal_id: str) -> Iterator[EvidencePackage]:
    """Give the disposal's evidence package, ready to be written; it can be read until the context ends.

    All of it is as of one published checkpoint. Raises NotAllowed; NotFound for one of another office; Conflict
    ``not-done`` before there is a certificate, ``not-certified-yet`` or ``not-yet-in-checkpoint`` when it is to be
    asked for again later; InvalidInput for more records than a package holds; IntegrityFailure, Unavailable.
    """
    require(caller, Action.READ_DISPOSALS)
    # Its payloads name who acted and hold the reasons that people wrote, as the list of events does.
    require(caller, Action.READ_EVENTS)
    certificate = _certificate(archive, caller, disposal_id)
    told = archive.register.read(partial(_gather, archive, certificate))
    event = Event(EventType.EVIDENCE_EXPORTED, caller.id, archive.clock.now(), None, {"disposal": disposal_id})
    archive.register.write(lambda unit: unit.log.append(event))
    with (
        proven_object(archive, told.certificate) as document,
        nullcontext() if told.paper is None else proven_object(archive, told.paper) as paper,
    ):
        trust = replace(told.parts.trust, agency_roots=[*archive.agency_roots, *seal_roots(archive)])
        sealed = None if paper is None else opened(paper)
        yield lay_out_disposal(replace(told.parts, certificate=opened(document), paper=sealed, trust=trust))


@dataclass(frozen=True, slots=True)
class _Certificate:
    """What is needed of a certificate: whose it is, since when and where the log tells of it, and where it lies.

    ``paper`` is None where the store holds none.
    """

    disposal_id: str
    office: str
    proposed_at: dt.datetime
    disposed: tuple[int, ...]
    certificate: ObjectVersion
    paper: ObjectVersion | None


@dataclass(frozen=True, slots=True)
class _Told:
    """What the log knows of the package: its small parts, and where the large ones lie, with what they must be."""

    parts: DisposalParts
    certificate: ObjectVersion
    paper: ObjectVersion | None


def _certificate(archive: Archive, caller: Caller, disposal_id: str) -> _Certificate:
    """Return what the certificate in the store says; raise NotFound unless the caller may see it.

    Raises Conflict ``not-done`` for a proposal of the caller's offices that has none yet.
    """
    found = _read(archive, disposal_id) if _ID.fullmatch(disposal_id) else None
    if found is None:
        proposed = archive.register.read(lambda unit: unit.disposals.get(disposal_id))
        if proposed is not None and proposed.office in caller.offices:
            require_done(proposed)
    if found is None or found.office not in caller.offices:
        raise NotFound(
            Message(
                "There is no certificate of such a disposal in your offices.",
                "Không có giấy chứng nhận của đợt xử lý này trong phạm vi cơ quan của bạn.",
            )
        )
    return found


def _read(archive: Archive, disposal_id: str) -> _Certificate | None:
    """Return what the certificate says, None where there is none. Whether it is the one certified is asked later."""
    # What was put first is what was certified.
    where, paper = (oldest(archive.store.list_under(f"disposals/{disposal_id}/certificate.{one}")) for one in _FORMS)
    if where is None:
        return None
    if where.stored.size_bytes > MAX_TEXT_BYTES:
        raise not_readable(where.key)
    try:
        with archive.store.read(where.key, where.version) as blocks:
            said = json.loads(b"".join(blocks))
        return _Certificate(
            disposal_id=disposal_id,
            office=str(said["office"]),
            proposed_at=dt.datetime.fromisoformat(said["proposed_at"]).astimezone(dt.UTC),
            disposed=tuple(one["entry"] for one in said["records"] if type(one["entry"]) is int),
            certificate=where,
            paper=paper,
        )
    except (ValueError, KeyError, TypeError) as wrong:
        raise not_readable(where.key) from wrong


def _gather(archive: Archive, certificate: _Certificate, unit: RegisterUnit) -> _Told:
    decision = _decision(unit, certificate)
    certified = decision[-1].index
    checkpoint = covering_checkpoint(archive, unit, certified)
    indexes = sorted({*(one.index for one in decision), *certificate.disposed})
    parts = DisposalParts(
        disposal_id=certificate.disposal_id,
        certificate=b"",
        paper=None,
        entries=[entry_parts(unit, one, checkpoint) for index in indexes for one in unit.log.sealed(index, 1)],
        checkpoint=note_of(unit, checkpoint).encode(),
        trust=trust_parts(archive, unit),
        evidence={
            name: evidence_record_of_entry(unit, certified, name) for name in authorities_of_entry(unit, certified)
        },
    )
    event = decision[-1].event
    committed: Mapping[str, Any] = {} if event is None else event.values
    paper = None if committed["paper"] is None else _as_certified(certificate, certificate.paper, committed["paper"])
    return _Told(parts, _as_certified(certificate, certificate.certificate, committed["certificate"]), paper)


def _as_certified(of: _Certificate, where: ObjectVersion | None, stated: Mapping[str, Any]) -> ObjectVersion:
    """Return where a document lies, with the digests that the log says it has. Raises IntegrityFailure without it."""
    if where is None:
        raise not_readable(f"disposals/{of.disposal_id}/certificate.pdf")
    return replace(where, stored=ContentDigest(stated["size_bytes"], stated["sha256"], stated["sha512"]))


def _decision(unit: RegisterUnit, certificate: _Certificate) -> list[LoggedEvent]:
    """Return the log's entries of the decision, from the proposal to the certifying; raise Conflict before that."""
    # Where a clock once ran ahead, times do not lead to the place: then the whole log is looked through.
    for start in (first_since(unit, certificate.proposed_at - CLOCK_SKEW), 0):
        found = told_since(unit, certificate.disposal_id, _DECISION, start)
        if found and is_of(found[0], EventType.DISPOSAL_PROPOSED) and is_of(found[-1], EventType.DISPOSAL_CERTIFIED):
            return found
    raise Conflict(
        Message(
            "The log does not tell of this disposal's certificate yet. Ask again in a minute; if it still does not, "
            "run the audit.",
            "Nhật ký chưa ghi nhận giấy chứng nhận của đợt xử lý này. Hãy hỏi lại sau một phút; nếu vẫn chưa có, hãy "
            "chạy kiểm tra.",
        ),
        code="not-certified-yet",
        retry_after_seconds=60,
    )
