"""Turns what the signatures' sandboxed process answered into a report; it never trusts the answer.

A process that read a hostile file may say anything: every value is checked for kind and range, text is cut, a digest
is computed again. It states facts only, so that even a false answer cannot name a verdict; what does not hold is no
answer, and no answer is no pass.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import hashlib
import re
from enum import StrEnum
from typing import TypeVar

from archive_service.model.signatures import (
    Changes,
    CheckedSignature,
    Coverage,
    Level,
    SeenKind,
    SeenObject,
    SignatureKind,
    SignatureReport,
    StructureFault,
    SubIndication,
    taken_together,
)
from archive_service.pdf.answers import BadAnswer, count, items, name, printable, truth
from archive_service.pdf.frames import Message

Enumerated = TypeVar("Enumerated", bound=StrEnum)

# A document is signed by a handful of people; each signature has a path of a few certificates.
_MOST_SIGNATURES = 200
_LONGEST_SUBJECT = 500
_DIGEST = re.compile(r"[0-9a-f]{64}")
_PASSED = "OK"


def report_from(message: Message, checked_at: dt.datetime) -> SignatureReport:
    """Return the report that the message tells. Raises BadAnswer."""
    if message.get("kind") != "signatures":
        raise BadAnswer
    listed = list(items(message.get("signatures")))
    if len(listed) > _MOST_SIGNATURES:
        raise BadAnswer
    return SignatureReport(
        checked_at=checked_at,
        signatures=taken_together(tuple(_signature(item) for item in listed)),
        seen=tuple(_seen(item) for item in items(message.get("seen"))),
        agency_anchors=tuple(_digest(item) for item in items(message.get("agency_anchors"))),
        time_stamp_anchors=tuple(_digest(item) for item in items(message.get("time_stamp_anchors"))),
        validator=name(message.get("validator")),
    )


def _signature(item: object) -> CheckedSignature:
    if not isinstance(item, dict):
        raise BadAnswer
    faults = tuple(_one_of(StructureFault, fault) for fault in items(item.get("faults")))
    field = name(item.get("field"))
    byte_range = tuple(_number(one) for one in items(item.get("byte_range", [])))
    kind = SignatureKind.TIME_STAMP if item.get("type") == "DocTimeStamp" else SignatureKind.SIGNATURE
    if not truth(item.get("readable")):
        return CheckedSignature(field=field, kind=kind, byte_range=byte_range, faults=faults)
    level, permission, ades = item.get("level"), item.get("permission"), item.get("ades")
    return CheckedSignature(
        field=field,
        kind=kind,
        sub_filter=name(item.get("sub_filter")),
        readable=True,
        ades=None if ades == _PASSED else _one_of(SubIndication, ades),
        bottom_line=truth(item.get("bottom_line")),
        coverage=_one_of(Coverage, item.get("coverage")),
        changes=_one_of(Changes, item.get("changes")),
        permission=None if permission is None else count(permission),
        byte_range=byte_range,
        faults=faults,
        signer=printable(item.get("signer"), _LONGEST_SUBJECT),
        path=tuple(_digest(one) for one in items(item.get("path"))),
        claimed_at=_instant(item.get("claimed_at")),
        stamped_at=_instant(item.get("stamped_at")),
        level=None if level is None else _one_of(Level, level),
    )


def _seen(item: object) -> SeenObject:
    if not isinstance(item, dict):
        raise BadAnswer
    kind, told, der = _one_of(SeenKind, item.get("kind")), _digest(item.get("sha256")), item.get("der")
    subject = item.get("subject")
    if der is not None:
        try:
            der = base64.b64decode(der, validate=True)
        except (binascii.Error, TypeError, ValueError) as wrong:
            raise BadAnswer from wrong
        if hashlib.sha256(der).hexdigest() != told:
            raise BadAnswer
    return SeenObject(kind, told, None if subject is None else printable(subject, _LONGEST_SUBJECT), der)


def _one_of(kind: type[Enumerated], value: object) -> Enumerated:
    if not isinstance(value, str):
        raise BadAnswer
    try:
        return kind(value)
    except ValueError as wrong:
        raise BadAnswer from wrong


def _number(value: object) -> int:
    """Return a number of a byte range as the file has it: a forged one may be below nothing."""
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) > 1 << 53:
        raise BadAnswer
    return value


def _digest(value: object) -> str:
    if not isinstance(value, str) or not _DIGEST.fullmatch(value):
        raise BadAnswer
    return value


def _instant(value: object) -> dt.datetime | None:
    if value is None:
        return None
    try:
        at = dt.datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError as wrong:
        raise BadAnswer from wrong
    if at is None or at.tzinfo is None:
        raise BadAnswer
    return at.astimezone(dt.UTC)
