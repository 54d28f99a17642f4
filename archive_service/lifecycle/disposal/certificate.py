"""The certificate of a disposal: canonical JSON (RFC 8785) of who decided what, and what became of each record.

Not a step itself. It follows from the register alone, so that the same disposal gives the same bytes at every try; it
is written record by record, whatever their number. ``records`` holds every record that was proposed, in the order of
ids; a line ``record_id sha256`` for each gives ``list_sha256`` again, and the counts add up to them.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from archive_service.evidence.canonical import canonical_json
from archive_service.evidence.entry import format_instant
from archive_service.model.disposals import Disposal, DisposalItem, ItemState, Tally
from archive_service.model.events import Json, LoggedEvent
from archive_service.model.identifiers import RecordId

CERTIFICATE_FORMAT = 1

_RECORDS = "records"

Entries = Mapping[RecordId, LoggedEvent]


@dataclass(frozen=True, slots=True)
class Outline:
    """What a certificate states besides its records. ``schedules``: id and version of each that decided."""

    disposal: Disposal
    tally: Tally
    exceptions: tuple[DisposalItem, ...]
    list_sha256: str
    schedules: tuple[tuple[str, str], ...]
    completed_at: dt.datetime

    @property
    def counts(self) -> dict[str, int]:
        """How many were proposed, and what became of them."""
        return {
            "proposed": self.tally.of(),
            "excepted": self.tally.of(ItemState.EXCEPTED),
            "kept": self.tally.of(ItemState.KEPT),
            "disposed": self.tally.of(ItemState.DISPOSED),
        }


def certificate_blocks(outline: Outline, pages: Iterable[tuple[list[DisposalItem], Entries]]) -> Iterator[bytes]:
    """Yield the certificate's bytes. ``pages`` are all its records, with the log's entries of those that are gone."""
    head = _head(outline)
    yield b"{"
    for place, name in enumerate(sorted([*head, _RECORDS])):
        yield (b"," if place else b"") + canonical_json(name) + b":"
        if name == _RECORDS:
            yield from _records(pages)
        else:
            yield canonical_json(head[name])
    yield b"}"


def kept_head(blocks: Iterable[bytes]) -> Json:
    """Return what a certificate states before its records, None where the bytes are no certificate.

    No member of the head is named so, and no text can hold the mark: its quotes would be escaped.
    """
    said = b""
    for block in blocks:
        said += block
        before, found, _ = said.partition(_BEFORE_RECORDS)
        if found:
            try:
                stated: Json = json.loads(before + b"}")
            except ValueError:
                return None
            return stated
    return None


_BEFORE_RECORDS = b',"records":['


def states_the_same(outline: Outline, stated: Json) -> bool:
    """Whether a certificate that is in the store says of the disposal what this one would, but for when it ended."""
    if not isinstance(stated, Mapping):
        return False
    head = {name: value for name, value in _head(outline).items() if name < _RECORDS}
    return {**stated, "completed_at": None} == {**head, "completed_at": None}


def _head(outline: Outline) -> dict[str, Json]:
    disposal = outline.disposal
    return {
        "format": CERTIFICATE_FORMAT,
        "disposal": disposal.id,
        "title": disposal.title,
        "office": disposal.office,
        "action": str(disposal.action),
        "schedules": [{"id": schedule, "version": version} for schedule, version in outline.schedules],
        "proposed_by": disposal.proposed_by,
        "proposed_at": format_instant(disposal.proposed_at),
        # Nothing ends well that not every member voted on: the votes are the council.
        "council": [
            {
                "member": one.member,
                "vote": str(one.vote),
                "reason": one.reason,
                "voted_at": format_instant(one.voted_at),
            }
            for one in disposal.votes
        ],
        "approved_by": disposal.approved_by,
        "approved_at": None if disposal.approved_at is None else format_instant(disposal.approved_at),
        "receipt": _receipt(disposal),
        "exceptions": [
            {
                "record_id": one.record_id,
                "reason": one.reason,
                "actor": one.actor,
                "excepted_at": format_instant(one.changed_at),
            }
            for one in outline.exceptions
        ],
        "completed_at": format_instant(outline.completed_at),
        "list_sha256": outline.list_sha256,
        "counts": outline.counts,
    }


def _receipt(disposal: Disposal) -> Json:
    receipt = disposal.receipt
    if receipt is None:
        return None
    return {
        "receiver": receipt.receiver,
        "reference": receipt.reference,
        "received_on": receipt.received_on.isoformat(),
        "text": receipt.text,
    }


def _records(pages: Iterable[tuple[list[DisposalItem], Entries]]) -> Iterator[bytes]:
    separator = b"["
    for items, entries in pages:
        block = bytearray()
        for item in items:
            block += separator + canonical_json(_record(item, entries.get(item.record_id)))
            separator = b","
        yield bytes(block)
    yield b"[]" if separator == b"[" else b"]"


def _record(item: DisposalItem, entry: LoggedEvent | None) -> dict[str, Json]:
    """Return a record's line. Of one that is gone, nothing comes between ``entry`` and ``sha256`` but what is here.

    A package's README tells how to check it by hand, with tools that know of no JSON.
    """
    gone = item.state is ItemState.DISPOSED
    kept = item.obstacle
    values: dict[str, Json] = {
        "record_id": item.record_id,
        "sha256": item.sha256,
        "size_bytes": item.size_bytes,
        "class_code": item.class_code,
        "due_on": item.due_on.isoformat() if item.due_on is not None else None,
        "state": str(item.state),
        "reason": item.reason if kept is None else kept.en,
        "disposed_at": format_instant(item.changed_at) if gone else None,
        "entry": entry.index if gone and entry is not None else None,
    }
    if kept is not None:
        values["kept_because"] = {"code": kept.code, "en": kept.en, "vi": kept.vi}
    if item.package_sha256 is not None:
        values["transferred_sha256"] = item.package_sha256
    return values
