"""An answer about signatures is checked value by value: what an honest process would not say is no answer."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive_service.model.signatures import Changes, SignatureVerdict
from archive_service.pdf.answers import BadAnswer
from archive_service.pdf.signature_answers import report_from

AT = dt.datetime(2026, 11, 26, tzinfo=dt.UTC)
DER = b"\x30\x03\x02\x01\x05"
SIGNATURE: dict[str, Any] = {
    "field": "ChuKySo",
    "type": "Sig",
    "sub_filter": "ETSI.CAdES.detached",
    "readable": True,
    "ades": "OK",
    "bottom_line": True,
    "coverage": "whole-file",
    "changes": "none",
    "permission": None,
    "byte_range": [0, 10, 20, 30],
    "faults": [],
    "signer": "Common Name: A",
    "path": ["a" * 64],
    "claimed_at": "2026-11-25T00:00:00+00:00",
    "stamped_at": None,
    "level": "B-B",
}
SEEN: dict[str, Any] = {
    "kind": "certificate",
    "sha256": hashlib.sha256(DER).hexdigest(),
    "subject": "A",
    "der": base64.b64encode(DER).decode(),
}


def answer(signature: dict[str, Any] | None = None, seen: dict[str, Any] | None = None) -> dict[str, Any]:
    return {
        "kind": "signatures",
        "signatures": [SIGNATURE | (signature or {})],
        "seen": [SEEN | (seen or {})],
        "agency_anchors": ["b" * 64],
        "time_stamp_anchors": [],
        "validator": "pyHanko 0.38.0",
    }


def test_an_honest_answer_is_taken() -> None:
    report = report_from(answer(), AT)
    assert report.verdict is SignatureVerdict.VALID
    assert report.seen[0].der == DER


@pytest.mark.parametrize(
    ("told", "kept"),
    [
        ("Bảo hiểm xã hội", "Bảo hiểm xã hội"),
        ("a\x1b[31m\u202eb\n", "a[31mb"),  # an escape of a terminal, a turn of the writing direction, a line end
        ("x" * 501, "x" * 500),
    ],
)
def test_a_name_is_kept_as_far_as_it_can_be_printed(told: str, kept: str) -> None:
    report = report_from(answer({"signer": told}, {"subject": told}), AT)
    assert (report.signatures[0].signer, report.seen[0].subject) == (kept, kept)


@pytest.mark.parametrize(
    "wrong",
    [
        {"readable": "yes"},
        {"ades": "PASSED"},
        {"ades": None},
        {"bottom_line": 1},
        {"coverage": "all"},
        {"changes": ""},
        {"byte_range": ["0"]},
        {"byte_range": [1 << 60]},
        {"faults": ["none"]},
        {"signer": 5},
        {"path": ["A" * 64]},
        {"claimed_at": "yesterday"},
        {"claimed_at": "2026-11-25T00:00:00"},
        {"level": "B-X"},
        {"permission": -1},
    ],
)
def test_a_value_that_no_honest_process_gives_is_no_answer(wrong: dict[str, Any]) -> None:
    with pytest.raises(BadAnswer):
        report_from(answer(wrong), AT)


@pytest.mark.parametrize(
    "wrong", [{"kind": "key"}, {"sha256": "0" * 64}, {"der": "no base64!"}, {"der": 5}, {"subject": 5}]
)
def test_evidence_that_is_not_what_it_says_is_no_answer(wrong: dict[str, Any]) -> None:
    with pytest.raises(BadAnswer):
        report_from(answer(seen=wrong), AT)


def test_more_signatures_than_any_document_has_are_no_answer() -> None:
    with pytest.raises(BadAnswer):
        report_from(answer() | {"signatures": [SIGNATURE] * 201}, AT)


def test_names_are_cut_and_cleaned() -> None:
    [signature] = report_from(answer({"field": "a\0b" * 500, "signer": "x\n" * 900}), AT).signatures
    assert (len(signature.field) <= 200, "\0" in signature.field) == (True, False)
    assert signature.signer is not None
    assert len(signature.signer) <= 500


def test_what_a_process_did_not_read_is_worth_nothing_whatever_else_it_says() -> None:
    [signature] = report_from(answer({"readable": False}), AT).signatures
    assert signature.verdict is SignatureVerdict.UNREADABLE


def test_form_filling_behind_the_last_signature_is_told_apart_here() -> None:
    [signature] = report_from(answer({"changes": "form-filling"}), AT).signatures
    assert signature.changes is Changes.FILLED_UNSIGNED


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(st.sampled_from(sorted(SIGNATURE)), json_values)
def test_any_value_in_any_place_is_an_answer_or_none_and_nothing_else(name: str, value: Any) -> None:
    try:
        report_from(answer({name: value}), AT)
    except BadAnswer:
        return
