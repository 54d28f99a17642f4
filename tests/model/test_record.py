"""The life of a record: one table, written out again here so that a change of it is seen."""

from __future__ import annotations

import dataclasses
from itertools import product

import pytest

from archive_service.errors import Conflict
from archive_service.model.record import (
    HOLDING_STATES,
    TRANSITIONS,
    DocumentText,
    PageText,
    RecordState,
    TextSource,
    require_transition,
)
from tests.results import metadata, record

PERMITTED = {
    ("pending", "stored"),
    ("pending", "quarantined"),
    ("pending", "refused"),
    ("stored", "quarantined"),
    ("stored", "disposed"),
    ("quarantined", "stored"),
    ("quarantined", "rejected"),
    ("refused", "pending"),
    ("rejected", "disposed"),
}


@pytest.mark.parametrize(("current", "wanted"), list(product(RecordState, RecordState)))
def test_only_the_changes_of_the_table_are_permitted(current: RecordState, wanted: RecordState) -> None:
    if (str(current), str(wanted)) in PERMITTED:
        require_transition(current, wanted)
        return
    with pytest.raises(Conflict) as told:
        require_transition(current, wanted)
    assert (told.value.code, told.value.details) == ("transition-not-permitted", {"state": str(current)})


def test_every_state_has_its_row_and_what_is_disposed_of_stays_so() -> None:
    assert set(TRANSITIONS) == set(RecordState)
    assert TRANSITIONS[RecordState.DISPOSED] == frozenset()


def test_what_was_turned_away_or_is_gone_holds_nothing() -> None:
    assert {str(state) for state in HOLDING_STATES} == {"pending", "stored", "quarantined"}


def test_an_etag_changes_with_the_version_and_with_the_state() -> None:
    one = record()
    others = [dataclasses.replace(one, metadata_version=2), dataclasses.replace(one, state=RecordState.QUARANTINED)]
    assert one.etag == '"1-stored"'
    assert len({one.etag, *(other.etag for other in others)}) == 3


@pytest.mark.parametrize(
    ("number", "notation", "code"),
    [("1234", "QĐ-BHXH", "1234/QĐ-BHXH"), ("1234", None, "1234"), (None, "QĐ-BHXH", "QĐ-BHXH"), ("", "", None)],
)
def test_a_document_code_is_number_and_notation_as_printed(
    number: str | None, notation: str | None, code: str | None
) -> None:
    assert metadata(document_number=number, document_notation=notation).document_code == code


def test_pages_are_parted_by_a_form_feed() -> None:
    pages = tuple(PageText(n, words, TextSource.LAYER) for n, words in enumerate(["một", "", "ba"], 1))
    assert DocumentText(pages).text == "một\f\fba"
