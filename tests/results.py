"""Example results to deposit: what is said of them, and records as the register holds them."""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
from typing import Any
from uuid import UUID

from archive_service.model.identifiers import (
    Identifier,
    IdentifierScheme,
    OfficeCode,
    ProcedureCode,
    RecordId,
    ResultTypeCode,
    SubjectId,
)
from archive_service.model.objects import original_key
from archive_service.model.record import (
    Channel,
    ContentDigest,
    MetadataVersion,
    ObjectVersion,
    Record,
    RecordMetadata,
    RecordState,
    SearchState,
    Trust,
)
from archive_service.model.reference import Office, Procedure, ReferenceData, ResultType
from archive_service.model.subject import SubjectClaim, SubjectKind

NOW = dt.datetime(2026, 11, 23, 1, 30, tzinfo=dt.UTC)

CENTRE, DA_NANG, HAI_CHAU, QUANG_NAM, HOI_AN, HA_NOI = (
    OfficeCode(code) for code in ("BHXH", "BHXH-48", "BHXH-48-01", "BHXH-49", "BHXH-49-02", "BHXH-01")
)
PENSION, ONE_TIME = ResultTypeCode("KQ.G15.000031"), ResultTypeCode("KQ.G15.000032")
PENSION_PROCEDURE = ProcedureCode("1.011442.000.00.00.H38")

# A province with a district, a province that it succeeded, and another province.
REFERENCE = ReferenceData(
    offices=(
        Office(CENTRE, "Bảo hiểm xã hội Việt Nam"),
        Office(DA_NANG, "Bảo hiểm xã hội Thành phố Đà Nẵng", CENTRE),
        Office(HAI_CHAU, "Bảo hiểm xã hội quận Hải Châu", DA_NANG),
        Office(QUANG_NAM, "Bảo hiểm xã hội tỉnh Quảng Nam", CENTRE, None, dt.date(2025, 6, 30), DA_NANG),
        Office(HOI_AN, "Bảo hiểm xã hội thành phố Hội An", QUANG_NAM),
        Office(HA_NOI, "Bảo hiểm xã hội Thành phố Hà Nội", CENTRE),
    ),
    result_types=(
        ResultType(PENSION, "Quyết định hưởng lương hưu hằng tháng", "Decision on a monthly pension"),
        ResultType(ONE_TIME, "Quyết định hưởng bảo hiểm xã hội một lần"),
    ),
    procedures=(Procedure(PENSION_PROCEDURE, "Giải quyết hưởng lương hưu", (PENSION,)),),
)


def insurance(number: str) -> Identifier:
    """Return a social-insurance number."""
    return Identifier(IdentifierScheme.SOCIAL_INSURANCE, number)


def citizen(number: str) -> Identifier:
    """Return a citizen ID."""
    return Identifier(IdentifierScheme.CITIZEN, number)


def person(*identifiers: Identifier, name: str = "Nguyễn Thị Hồng", born: dt.date | None = None) -> SubjectClaim:
    """Return a claim about an insured person."""
    return SubjectClaim(SubjectKind.PERSON, name, identifiers or (insurance("0123456789"),), born)


def metadata(**said: Any) -> RecordMetadata:
    """Return what is said of a pension decision of Đà Nẵng, but for what is said otherwise."""
    usual = RecordMetadata(
        office=DA_NANG,
        result_type=PENSION,
        subject=person(),
        trust=Trust.BORN_DIGITAL,
        channel=Channel.DIRECT,
        document_number="1234",
        document_notation="QĐ-BHXH",
        issued_on=dt.date(2021, 3, 1),
        summary="Về việc hưởng chế độ hưu trí hằng tháng",
    )
    return dataclasses.replace(usual, **said)


def pdf(words: str = "Quyết định") -> bytes:
    """Return bytes that the fake reader takes for a PDF."""
    return b"%PDF-1.7 " + words.encode()


def digest(content: bytes) -> ContentDigest:
    """Return the digest of the bytes."""
    return ContentDigest(len(content), hashlib.sha256(content).hexdigest(), hashlib.sha512(content).hexdigest())


def record_id(number: int) -> RecordId:
    """Return the id of that number; a higher number comes later."""
    return RecordId(str(UUID(int=(7 << 76) | (2 << 62) | number)))


def subject_id(number: int) -> SubjectId:
    """Return the subject id of that number."""
    return SubjectId(record_id(number + 10_000))


def record(number: int = 1, **otherwise: Any) -> Record:
    """Return a stored record, but for what is said otherwise."""
    content = digest(pdf(str(number)))
    usual = Record(
        id=record_id(number),
        state=RecordState.STORED,
        search_state=SearchState.WAITING,
        search_problem=None,
        subject_id=subject_id(1),
        metadata=metadata(),
        metadata_version=1,
        content=content,
        original=ObjectVersion(original_key(record_id(number)), "v1", content, NOW + dt.timedelta(days=14)),
        page_count=1,
        depositor="key:one-stop",
        received_at=NOW,
        stored_at=NOW,
        changed_at=NOW,
    )
    return dataclasses.replace(usual, **otherwise)


def first_version(of: Record) -> MetadataVersion:
    """Return the first metadata version of a record."""
    return MetadataVersion(of.id, 1, of.metadata, bytes(32), "v1", of.depositor, "deposit", of.received_at)
