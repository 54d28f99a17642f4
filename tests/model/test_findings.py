"""Findings: each has an outcome and a sentence in two languages, and tells no personal data."""

from __future__ import annotations

import pytest

from archive_service.model.findings import (
    DEFAULT_OUTCOMES,
    SENTENCES,
    SEVERITY,
    Finding,
    FindingCode,
    Outcome,
)
from archive_service.model.policy import FindingPolicy


@pytest.mark.parametrize("code", FindingCode)
def test_every_finding_has_an_outcome_and_a_sentence_in_both_languages(code: FindingCode) -> None:
    assert code in DEFAULT_OUTCOMES
    sentence = SENTENCES[code]
    assert sentence.en.endswith(".")
    assert sentence.vi.endswith(".")
    assert not sentence.vi.isascii()
    reason = Finding(code, {"pages": 2}).reason
    assert (reason.code, reason.message, reason.detail) == (str(code), sentence, {"pages": 2})


def test_what_could_not_be_told_is_never_accepted_and_never_refused() -> None:
    unsure = (FindingCode.UNREADABLE, FindingCode.CHECK_TOOK_TOO_LONG, FindingCode.CHECK_FAILED)
    assert {DEFAULT_OUTCOMES[code] for code in unsure} == {Outcome.QUARANTINE}


def test_the_most_severe_outcome_decides_in_any_order() -> None:
    policy = FindingPolicy()
    by_outcome = {outcome: next(c for c, o in DEFAULT_OUTCOMES.items() if o is outcome) for outcome in Outcome}
    found = [Finding(by_outcome[outcome]) for outcome in Outcome]
    assert set(SEVERITY) == set(Outcome)
    assert policy.decide(tuple(found)) is policy.decide(tuple(reversed(found))) is Outcome.REFUSE
    assert policy.decide((found[1], found[0])) is Outcome.QUARANTINE
    assert policy.decide(()) is Outcome.ACCEPT


def test_an_operator_may_change_any_line() -> None:
    policy = FindingPolicy({**DEFAULT_OUTCOMES, FindingCode.JAVASCRIPT: Outcome.REFUSE})
    assert policy.decide((Finding(FindingCode.JAVASCRIPT),)) is Outcome.REFUSE
    assert FindingPolicy().decide((Finding(FindingCode.JAVASCRIPT),)) is Outcome.QUARANTINE
