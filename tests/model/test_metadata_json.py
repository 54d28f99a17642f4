"""Metadata as JSON: kept for decades, so nothing is lost and no name changes."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json

from hypothesis import given
from hypothesis import strategies as st

from archive_service.model.identifiers import OfficeCode, ProcedureCode, ResultTypeCode
from archive_service.model.metadata_json import metadata_from_json, metadata_to_json
from archive_service.model.record import (
    AccessLevel,
    Channel,
    RecordMetadata,
    Relation,
    RelationKind,
    Trust,
)
from archive_service.model.subject import SubjectClaim, SubjectKind
from tests.results import citizen, insurance, metadata, person, record_id

TEXT = st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
DAY = st.none() | st.dates()
CLAIM = st.builds(
    SubjectClaim,
    st.sampled_from(SubjectKind),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
    st.lists(st.sampled_from([insurance("0123456789"), citizen("048085000123")]), max_size=2).map(tuple),
    DAY,
)
METADATA = st.builds(
    RecordMetadata,
    office=st.just(OfficeCode("BHXH-48")),
    result_type=st.just(ResultTypeCode("KQ.1")),
    subject=CLAIM,
    trust=st.sampled_from(Trust),
    channel=st.sampled_from(Channel),
    access_level=st.sampled_from(AccessLevel),
    language=st.sampled_from(["vi", "en"]),
    procedure=st.none() | st.just(ProcedureCode("1.1")),
    dossier_code=TEXT,
    document_number=TEXT,
    document_notation=TEXT,
    issued_on=DAY,
    issuing_body=TEXT,
    signer=TEXT,
    summary=TEXT,
    paper_location=TEXT,
    relations=st.lists(st.builds(Relation, st.sampled_from(RelationKind), st.just(record_id(1))), max_size=2).map(
        tuple
    ),
)


@given(METADATA)
def test_whatever_is_said_comes_back_through_json_text(said: RecordMetadata) -> None:
    assert metadata_from_json(json.loads(json.dumps(metadata_to_json(said)))) == said


def test_these_are_the_names_for_ever() -> None:
    """What lies in stores is read by these: if this fails, the change loses what was said of every record."""
    said = metadata(
        subject=person(insurance("0123456789"), born=dt.date(1961, 5, 2)),
        procedure=ProcedureCode("1.1"),
        dossier_code="H41-210301-0042",
        issuing_body="BHXH Đà Nẵng",
        signer="Lê Văn A",
        paper_location="Kho 2",
        relations=(Relation(RelationKind.REPLACES, record_id(1)),),
    )
    assert metadata_to_json(said) == {
        "office": "BHXH-48",
        "result_type": "KQ.G15.000031",
        "procedure": "1.1",
        "subject": {
            "kind": "person",
            "name": "Nguyễn Thị Hồng",
            "birth_date": "1961-05-02",
            "identifiers": [{"scheme": "social-insurance", "number": "0123456789"}],
        },
        "dossier_code": "H41-210301-0042",
        "document_number": "1234",
        "document_notation": "QĐ-BHXH",
        "issued_on": "2021-03-01",
        "issuing_body": "BHXH Đà Nẵng",
        "signer": "Lê Văn A",
        "summary": "Về việc hưởng chế độ hưu trí hằng tháng",
        "trust": "born-digital",
        "channel": "direct",
        "access_level": "conditional",
        "language": "vi",
        "paper_location": "Kho 2",
        "relations": [{"kind": "replaces", "record_id": record_id(1)}],
    }
    assert set(metadata_to_json(said)) == {field.name for field in dataclasses.fields(RecordMetadata)}


def test_what_is_not_stated_is_left_out_and_reads_as_not_stated() -> None:
    bare = metadata(document_number=None, document_notation=None, issued_on=None, summary=None)
    values = metadata_to_json(bare)
    assert None not in values.values()
    assert "issued_on" not in values
    del values["relations"]
    assert metadata_from_json(values) == bare
