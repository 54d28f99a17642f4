"""The checks: facts in, findings out."""

from __future__ import annotations

import dataclasses

import pytest

from archive_service.lifecycle.verify import same_name, verify_document
from archive_service.model.findings import Finding, FindingCode, Outcome
from archive_service.model.identifiers import SubjectId
from archive_service.model.inspection import NotInspected, PageFact, PdfFacts
from archive_service.model.policy import FindingPolicy
from archive_service.model.record import Trust
from archive_service.model.subject import Subject, SubjectKind
from tests.fakes.pdf_reader import ONE_PAGE
from tests.results import metadata

A4 = PageFact(595.0, 842.0, has_text=True, lowest_image_dpi=None)


def facts(**otherwise: object) -> PdfFacts:
    return dataclasses.replace(ONE_PAGE, **otherwise)  # type: ignore[arg-type]


def found(of: PdfFacts, trust: Trust = Trust.DIGITISED, known: tuple[Subject, ...] = ()) -> list[Finding]:
    return list(verify_document(of, metadata(trust=trust), known, 200))


def subject(name: str, number: int = 1) -> Subject:
    return Subject(SubjectId(str(number)), SubjectKind.PERSON, name, None, ())


def test_a_sound_document_is_found_nothing_in() -> None:
    assert found(facts()) == []


@pytest.mark.parametrize(
    ("of", "expected"),
    [
        (facts(unreadable_parts=2), Finding(FindingCode.UNREADABLE, {"parts": 2})),
        (facts(repairs=3), Finding(FindingCode.REPAIRED, {"repairs": 3})),
        (facts(junk_before_header_bytes=4), Finding(FindingCode.JUNK_BEFORE_HEADER, {"bytes": 4})),
        (facts(bytes_after_end=5), Finding(FindingCode.BYTES_AFTER_END, {"bytes": 5})),
        (facts(active_content=(FindingCode.XFA_FORM,)), Finding(FindingCode.XFA_FORM)),
        (
            facts(
                pages=(A4, dataclasses.replace(A4, width_points=71.0), dataclasses.replace(A4, height_points=3371.0))
            ),
            Finding(FindingCode.ODD_PAGE_SIZE, {"pages": 2}),
        ),
        (
            facts(pages=tuple(dataclasses.replace(A4, lowest_image_dpi=dpi) for dpi in (199, 200, 96, None))),
            Finding(FindingCode.LOW_RESOLUTION, {"pages": 2, "lowest_dpi": 96}),
        ),
    ],
)
def test_each_fact_is_its_finding(of: PdfFacts, expected: Finding) -> None:
    assert found(of) == [expected]


def test_a_born_digital_document_may_hold_coarse_pictures() -> None:
    coarse = facts(pages=(dataclasses.replace(A4, lowest_image_dpi=72),))
    assert found(coarse, Trust.BORN_DIGITAL) == []
    assert [one.code for one in found(coarse, Trust.MIXED)] == [FindingCode.LOW_RESOLUTION]


def test_what_could_not_be_inspected_is_that_finding_alone() -> None:
    seen = NotInspected(FindingCode.ENCRYPTED, {"handler": "Standard"})
    assert verify_document(seen, metadata(), (subject("ai khác"),), 200) == (
        Finding(FindingCode.ENCRYPTED, {"handler": "Standard"}),
    )


def test_numbers_of_several_subjects_conflict_and_a_name_is_compared_with_one_only() -> None:
    one, two = subject("Nguyễn Thị Hồng"), subject("Trần Văn Bình", 2)
    assert found(facts(), known=(one, two)) == [Finding(FindingCode.SUBJECT_CONFLICT, {"subjects": 2})]
    assert found(facts(), known=(two,)) == [Finding(FindingCode.SUBJECT_NAME_DIFFERS)]
    assert found(facts(), known=(one,)) == []


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("NGUYỄN THỊ HỒNG", "Nguyễn  Thị Hồng ", True),
        ("Nguyễn Thị Hồng", "Nguyễn Thị Hồng", True),  # decomposed
        ("Nguyen Thi Hong", "Nguyễn Thị Hồng", True),
        ("Trần Thị Hoà", "Trần Thị Hòa", True),
        ("Nguyễn Thị Hồng", "Nguyễn Thị Hống", False),
        ("Nguyễn Thị Hồng", "Nguyễn Hồng Thị", False),
        ("Nguyen Thi Hong", "Nguyễn Thị Hà", False),
        ("", "Nguyễn Thị Hồng", False),
    ],
)
def test_names_agree_by_their_words(one: str, other: str, same: bool) -> None:
    assert same_name(one, other) is same
    assert same_name(other, one) is same


def test_every_finding_has_an_outcome_and_words_and_the_most_severe_decides() -> None:
    policy = FindingPolicy()
    for code in FindingCode:
        assert policy.outcome_of(Finding(code)) in Outcome
        assert Finding(code).message.en
        assert Finding(code).message.vi
    script, coarse, locked = (
        Finding(code) for code in (FindingCode.JAVASCRIPT, FindingCode.LOW_RESOLUTION, FindingCode.ENCRYPTED)
    )
    assert policy.decide(()) is Outcome.ACCEPT
    assert policy.decide((coarse,)) is Outcome.ACCEPT
    assert policy.decide((coarse, script)) is Outcome.QUARANTINE
    assert policy.decide((script, locked, coarse)) is Outcome.REFUSE
