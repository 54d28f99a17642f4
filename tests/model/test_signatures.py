"""What follows from what was seen of signatures: passed takes everything, and the worst of all decides."""

from __future__ import annotations

import base64
import dataclasses
import datetime as dt
import hashlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive_service.errors import IntegrityFailure
from archive_service.model.identifiers import RecordId
from archive_service.model.signature_json import read_signatures_object, signatures_object
from archive_service.model.signature_words import COVERAGE, FAULTS, SUB_INDICATIONS, reasons
from archive_service.model.signatures import (
    Changes,
    CheckedSignature,
    Coverage,
    Indication,
    Level,
    SeenKind,
    SeenObject,
    SignatureReport,
    SignatureVerdict,
    StructureFault,
    SubIndication,
    taken_together,
)

AT = dt.datetime(2026, 11, 26, 1, 2, 3, tzinfo=dt.UTC)
RECORD = RecordId("0193a4c1-7b1c-7000-8000-000000000001")

VALID = CheckedSignature(
    field="ChuKySo",
    sub_filter="ETSI.CAdES.detached",
    readable=True,
    ades=None,
    bottom_line=True,
    coverage=Coverage.WHOLE_FILE,
    changes=Changes.NONE,
    byte_range=(0, 10, 20, 30),
    signer="Common Name: Bảo hiểm xã hội",
    path=("a" * 64,),
    claimed_at=AT,
    level=Level.B_B,
)

signatures = st.builds(
    CheckedSignature,
    field=st.text(max_size=5),
    readable=st.booleans(),
    ades=st.none() | st.sampled_from(SubIndication),
    bottom_line=st.booleans(),
    coverage=st.sampled_from(Coverage),
    changes=st.sampled_from(Changes),
    faults=st.lists(st.sampled_from(StructureFault), max_size=3).map(tuple),
)


@given(signatures)
def test_passed_takes_both_verdicts_whole_coverage_permitted_changes_and_no_fault(signature: CheckedSignature) -> None:
    everything = (
        signature.readable
        and signature.ades is None
        and signature.bottom_line
        and signature.coverage in (Coverage.WHOLE_FILE, Coverage.WHOLE_REVISION)
        and signature.changes in (Changes.NONE, Changes.ARCHIVAL, Changes.FORM_FILLING)
        and not signature.faults
    )
    assert (signature.verdict is SignatureVerdict.VALID) is everything
    assert (signature.indication is Indication.PASSED) is everything
    assert (signature.sub_indication is None) is everything


@given(signatures)
def test_every_signature_is_judged_for_reasons_in_both_languages(signature: CheckedSignature) -> None:
    told = reasons(signature)
    assert told
    for code, words in told:
        assert code
        assert words.en.endswith(".")
        assert not words.vi.isascii()


@given(st.lists(signatures, min_size=1, max_size=4).map(tuple))
def test_the_worst_signature_decides_for_the_document(several: tuple[CheckedSignature, ...]) -> None:
    order = list(SignatureVerdict)
    worst = min((one.verdict for one in several), key=order.index)
    assert SignatureReport(AT, several).verdict is worst


@pytest.mark.parametrize(
    ("change", "verdict", "sub_indication"),
    [
        ({"ades": SubIndication.NO_CERTIFICATE_CHAIN_FOUND}, "untrusted", "NO_CERTIFICATE_CHAIN_FOUND"),
        ({"ades": SubIndication.NO_POE}, "undecided", "NO_POE"),
        ({"bottom_line": False}, "undecided", "GENERIC"),
        ({"ades": SubIndication.HASH_FAILURE}, "altered", "HASH_FAILURE"),
        ({"ades": SubIndication.SIG_CRYPTO_FAILURE}, "invalid", "SIG_CRYPTO_FAILURE"),
        ({"ades": SubIndication.REVOKED}, "invalid", "REVOKED"),
        ({"changes": Changes.NOT_PERMITTED}, "altered", "FORMAT_FAILURE"),
        ({"changes": Changes.FILLED_UNSIGNED}, "altered", "FORMAT_FAILURE"),
        ({"coverage": Coverage.PART}, "altered", "FORMAT_FAILURE"),
        ({"faults": (StructureFault.PADDING_CHANGED,)}, "altered", "FORMAT_FAILURE"),
        ({"faults": (StructureFault.BYTE_RANGE_MALFORMED,)}, "invalid", "FORMAT_FAILURE"),
        ({"faults": (StructureFault.HYBRID_REFERENCES,)}, "undecided", "GENERIC"),
        ({"faults": (StructureFault.STRUCTURE_UNREADABLE,)}, "unreadable", "GENERIC"),
        ({"readable": False}, "unreadable", "GENERIC"),
    ],
)
def test_each_defect_has_its_verdict(change: dict[str, Any], verdict: str, sub_indication: str) -> None:
    signature = dataclasses.replace(VALID, **change)
    assert (signature.verdict, signature.sub_indication) == (verdict, sub_indication)


def test_only_what_is_filled_in_behind_the_last_signature_is_unsigned() -> None:
    filled = dataclasses.replace(VALID, changes=Changes.FORM_FILLING)
    last = dataclasses.replace(filled, byte_range=(0, 40, 50, 60))
    for order in ((filled, last), (last, filled)):
        judged = {one.byte_range: one.changes for one in taken_together(order)}
        assert judged == {filled.byte_range: Changes.FORM_FILLING, last.byte_range: Changes.FILLED_UNSIGNED}
    assert taken_together((VALID,)) == (VALID,)
    assert taken_together(()) == ()


def test_every_fault_indication_and_bad_coverage_has_words() -> None:
    assert set(FAULTS) == set(StructureFault)
    assert set(SUB_INDICATIONS) == set(SubIndication)
    assert set(COVERAGE) == {Coverage.PART, Coverage.UNCLEAR}


def test_the_report_is_the_same_bytes_each_time_and_says_everything_in_words() -> None:
    der = b"\x30\x03\x02\x01\x05"
    seen = SeenObject(SeenKind.CERTIFICATE, hashlib.sha256(der).hexdigest(), "CN", der)
    report = SignatureReport(AT, (VALID,), (seen,), ("b" * 64,), (), "pyHanko 0.38.0")
    one, two = signatures_object(RECORD, report), signatures_object(RECORD, report)
    assert one == two
    assert one.key == f"records/{RECORD}/signatures/1"
    assert hashlib.sha256(one.body).hexdigest() == one.digest.sha256
    values = read_signatures_object(one.key, one.body)
    assert values["verdict"] == "valid"
    assert base64.b64decode(values["seen"][0]["der"]) == der
    assert values["signatures"][0]["reasons"][0].keys() == {"code", "en", "vi"}
    assert values["signatures"][0]["indication"] == "TOTAL-PASSED"


@pytest.mark.parametrize(
    "change",
    [{"record_id": RECORD[:-1] + "2"}, {"verdict": "fine"}, {"signatures": None}, {"seen": "none"}],
)
def test_an_object_that_is_no_report_of_its_record_is_not_read(change: dict[str, Any]) -> None:
    wanted = signatures_object(RECORD, SignatureReport(AT))
    body = json.dumps(json.loads(wanted.body) | change).encode()
    with pytest.raises(IntegrityFailure):
        read_signatures_object(wanted.key, body)
    with pytest.raises(IntegrityFailure):
        read_signatures_object(wanted.key, b"not JSON")
