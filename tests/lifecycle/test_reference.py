"""Reference data is loaded whole, or not at all."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from archive_service.errors import InvalidInput
from archive_service.lifecycle.reference import load_reference
from archive_service.model.events import EventType
from archive_service.model.identifiers import OfficeCode, ProcedureCode, ResultTypeCode
from archive_service.model.reference import Office, Procedure, ReferenceData
from archive_service.storage.reference_files import read_reference
from tests.archives import TestArchive
from tests.results import CENTRE, DA_NANG, HAI_CHAU, HOI_AN, PENSION, QUANG_NAM

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "reference"
NEW, NONE = OfficeCode("BHXH-77"), OfficeCode("BHXH-00")


def test_the_examples_fit_together_and_their_loading_is_logged(ours: TestArchive) -> None:
    data = read_reference(EXAMPLES)
    load_reference(ours.archive, data, "operator")
    load_reference(ours.archive, data, "operator")
    events = ours.events(EventType.REFERENCE_LOADED)
    assert events[-1].values == {
        "offices": len(data.offices),
        "result_types": len(data.result_types),
        "procedures": len(data.procedures),
    }
    assert events[-1].actor == "operator"


@pytest.mark.parametrize(
    "offices",
    [
        (Office(NEW, "Mới", NONE),),
        (Office(NEW, "Mới", CENTRE, successor=NONE),),
        (Office(NEW, "Mới", CENTRE, dt.date(2026, 1, 2), dt.date(2026, 1, 1)),),
        (Office(NEW, "Mới", NEW),),
        (Office(CENTRE, "Trung ương", HAI_CHAU),),
        (Office(DA_NANG, "Đà Nẵng", CENTRE, successor=QUANG_NAM),),
        (Office(NEW, "Mới", NEW, successor=NEW),),
    ],
    ids=["parent", "successor", "dates", "own-parent", "circle", "circle-of-successors", "own-successor"],
)
def test_offices_that_contradict_themselves_are_named_and_nothing_is_loaded(
    ours: TestArchive, offices: tuple[Office, ...]
) -> None:
    before = ours.register.read(lambda u: u.reference.offices())
    good = Office(OfficeCode("BHXH-78"), "Tốt", CENTRE)
    with pytest.raises(InvalidInput) as told:
        load_reference(ours.archive, ReferenceData(offices=(good, *offices)), "operator")
    assert {problem.field for problem in told.value.problems} == {f"offices.{offices[0].code}"}
    assert ours.register.read(lambda u: u.reference.offices()) == before
    assert len(ours.events(EventType.REFERENCE_LOADED)) == 1


def test_a_procedure_names_result_types_that_exist(ours: TestArchive) -> None:
    wrong = Procedure(ProcedureCode("2"), "Sai", (PENSION, ResultTypeCode("KQ.0")))
    with pytest.raises(InvalidInput) as told:
        load_reference(ours.archive, ReferenceData(procedures=(wrong,)), "operator")
    assert [problem.field for problem in told.value.problems] == ["procedures.2"]


def test_an_office_may_come_before_its_parent_and_a_merger_gives_the_successor_the_subtree(ours: TestArchive) -> None:
    child, parent = Office(OfficeCode("BHXH-77-01"), "Con", NEW), Office(NEW, "Mới", CENTRE)
    load_reference(ours.archive, ReferenceData(offices=(child, parent)), "operator")
    merged = Office(DA_NANG, "Đà Nẵng", CENTRE, None, dt.date(2026, 12, 31), NEW)
    load_reference(ours.archive, ReferenceData(offices=(merged,)), "operator")
    subtree = ours.register.read(lambda u: u.reference.subtree(NEW))
    assert subtree == {NEW, child.code, DA_NANG, HAI_CHAU, QUANG_NAM, HOI_AN}
