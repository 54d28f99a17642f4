"""Metadata as JSON and back: the one form in which the register and the store keep it.

The form is part of what the archive keeps for decades: fields are only ever added, never renamed or given another
meaning. A missing field reads as not stated.
"""

from __future__ import annotations

import datetime as dt
from typing import cast

from archive_service.model.events import Json
from archive_service.model.identifiers import (
    Identifier,
    IdentifierScheme,
    OfficeCode,
    ProcedureCode,
    RecordId,
    ResultTypeCode,
)
from archive_service.model.record import (
    AccessLevel,
    Channel,
    RecordMetadata,
    Relation,
    RelationKind,
    Trust,
)
from archive_service.model.subject import SubjectClaim, SubjectKind

JsonObject = dict[str, Json]


def metadata_to_json(metadata: RecordMetadata) -> JsonObject:
    """Return the metadata as JSON values; what is not stated is left out."""
    claim = metadata.subject
    subject: JsonObject = {
        "kind": str(claim.kind),
        "name": claim.name,
        "birth_date": _day(claim.birth_date),
        "identifiers": [{"scheme": str(i.scheme), "number": i.number} for i in claim.identifiers],
    }
    values: JsonObject = {
        "office": metadata.office,
        "result_type": metadata.result_type,
        "procedure": metadata.procedure,
        "subject": {name: value for name, value in subject.items() if value is not None},
        "dossier_code": metadata.dossier_code,
        "document_number": metadata.document_number,
        "document_notation": metadata.document_notation,
        "issued_on": _day(metadata.issued_on),
        "issuing_body": metadata.issuing_body,
        "signer": metadata.signer,
        "summary": metadata.summary,
        "trust": str(metadata.trust),
        "channel": str(metadata.channel),
        "access_level": str(metadata.access_level),
        "language": metadata.language,
        "paper_location": metadata.paper_location,
        "relations": [{"kind": str(r.kind), "record_id": r.record_id} for r in metadata.relations],
    }
    return {name: value for name, value in values.items() if value is not None}


def metadata_from_json(values: JsonObject) -> RecordMetadata:
    """Return the metadata that ``metadata_to_json`` gave."""
    subject = cast(JsonObject, values["subject"])
    identifiers = cast("list[dict[str, str]]", subject["identifiers"])
    relations = cast("list[dict[str, str]]", values.get("relations", []))
    procedure = _text(values, "procedure")
    return RecordMetadata(
        office=OfficeCode(str(values["office"])),
        result_type=ResultTypeCode(str(values["result_type"])),
        procedure=ProcedureCode(procedure) if procedure is not None else None,
        subject=SubjectClaim(
            kind=SubjectKind(str(subject["kind"])),
            name=str(subject["name"]),
            birth_date=_date(subject.get("birth_date")),
            identifiers=tuple(Identifier(IdentifierScheme(i["scheme"]), i["number"]) for i in identifiers),
        ),
        dossier_code=_text(values, "dossier_code"),
        document_number=_text(values, "document_number"),
        document_notation=_text(values, "document_notation"),
        issued_on=_date(values.get("issued_on")),
        issuing_body=_text(values, "issuing_body"),
        signer=_text(values, "signer"),
        summary=_text(values, "summary"),
        trust=Trust(str(values["trust"])),
        channel=Channel(str(values["channel"])),
        access_level=AccessLevel(str(values["access_level"])),
        language=str(values["language"]),
        paper_location=_text(values, "paper_location"),
        relations=tuple(Relation(RelationKind(r["kind"]), RecordId(r["record_id"])) for r in relations),
    )


def _day(day: dt.date | None) -> str | None:
    return day.isoformat() if day is not None else None


def _date(value: Json) -> dt.date | None:
    return dt.date.fromisoformat(value) if isinstance(value, str) else None


def _text(values: JsonObject, name: str) -> str | None:
    value = values.get(name)
    return value if isinstance(value, str) else None
