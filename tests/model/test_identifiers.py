"""Identifiers: always strings, in one comparable form, and never what they cannot be."""

from __future__ import annotations

import datetime as dt
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive_service.errors import InvalidInput
from archive_service.model.identifiers import (
    IdentifierScheme,
    parse_dossier_code,
    parse_identifier,
    parse_record_id,
    time_ordered_uuid,
)


@pytest.mark.parametrize(
    ("scheme", "typed", "number"),
    [
        ("social-insurance", "0123456789", "0123456789"),
        ("social-insurance", " 0123 456.789 ", "0123456789"),
        ("social-insurance", "\uff10\uff11\uff12\uff13456789", "0123456789"),  # full-width digits
        ("citizen", "048085000123", "048085000123"),
        ("old-id-card", "201234567", "201234567"),
        ("health-card", "ht3484800123456", "HT3484800123456"),
        ("tax-code", "0401234567", "0401234567"),
        ("tax-code", "0401234567-001", "0401234567-001"),
    ],
)
def test_a_number_has_one_comparable_form_and_keeps_its_zeros(scheme: str, typed: str, number: str) -> None:
    assert parse_identifier(scheme, typed).number == number


@pytest.mark.parametrize(
    ("scheme", "typed"),
    [
        ("social-insurance", "123456789"),
        ("social-insurance", "01234567890"),
        ("social-insurance", "O123456789"),
        ("social-insurance", "0123456789\x00"),
        ("social-insurance", "\u0660123456789"),  # an Arabic zero
        ("citizen", "0123456789"),
        ("health-card", "H13484800123456"),
        ("health-card", "ĐT3484800123456"),
        ("tax-code", "0401234567-01"),
        ("old-id-card", ""),
        ("passport", "C1234567"),
        ("", ""),
    ],
)
def test_a_number_that_cannot_be_one_of_its_scheme_is_told_in_both_languages(scheme: str, typed: str) -> None:
    with pytest.raises(InvalidInput) as told:
        parse_identifier(scheme, typed)
    assert told.value.message.en != told.value.message.vi
    assert not typed or typed not in told.value.message.en


@given(st.sampled_from(IdentifierScheme), st.text(max_size=20))
def test_whatever_is_typed_is_an_identifier_or_invalid_and_parsing_again_changes_nothing(
    scheme: IdentifierScheme, typed: str
) -> None:
    try:
        parsed = parse_identifier(scheme, typed)
    except InvalidInput:
        return
    assert parse_identifier(scheme, parsed.number) == parsed


@pytest.mark.parametrize("text", ["000.00.00.H41-210301-0042", "H41.64.33-250228-1234567", "h41-240229-0001 "])
def test_a_dossier_code_is_read_in_its_parts_and_written_back(text: str) -> None:
    assert str(parse_dossier_code(text)) == text.strip().upper()


@pytest.mark.parametrize(
    "text", ["", "H41", "H41-210230-0042", "H41-211301-0042", "H41-210301-042", "H41-2103010-0042", "H4-210301-0042"]
)
def test_what_is_no_dossier_code_or_names_no_day_is_told(text: str) -> None:
    with pytest.raises(InvalidInput):
        parse_dossier_code(text)


def test_a_record_id_has_one_spelling() -> None:
    canonical = "0177eb15-a400-7000-8000-000000000000"
    for spelling in (canonical, canonical.upper(), f"{{{canonical}}}", canonical.replace("-", "")):
        assert parse_record_id(spelling) == canonical
    for wrong in ("", "1", "../x", canonical[:-1], canonical + "0"):
        with pytest.raises(InvalidInput):
            parse_record_id(wrong)


@given(st.timedeltas(dt.timedelta(), dt.timedelta(days=36525)), st.binary(min_size=10, max_size=10))
def test_an_id_is_a_version_7_uuid_of_its_instant(away: dt.timedelta, noise: bytes) -> None:
    instant = dt.datetime(2000, 1, 1, tzinfo=dt.UTC) + away
    made = UUID(time_ordered_uuid(instant, noise))
    assert (made.version, made.variant) == (7, "specified in RFC 4122")
    assert abs((made.int >> 80) - instant.timestamp() * 1000) <= 1


@given(st.binary(min_size=10, max_size=10), st.binary(min_size=10, max_size=10), st.integers(1, 10**9))
def test_a_later_id_is_a_greater_text(first: bytes, second: bytes, milliseconds: int) -> None:
    instant = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    later = instant + dt.timedelta(milliseconds=milliseconds)
    assert time_ordered_uuid(instant, first) < time_ordered_uuid(later, second)
