"""What signatures lead to, by result type and origin: the operator's rules first, then the archive's own."""

from __future__ import annotations

from typing import Any

import pytest

from archive_service.model.findings import DEFAULT_OUTCOMES, Finding, FindingCode, Outcome
from archive_service.model.policy import FindingPolicy, Unsigned, policy_from
from archive_service.model.record import Trust
from tests.results import metadata

BORN, SCAN = metadata(trust=Trust.BORN_DIGITAL), metadata(trust=Trust.DIGITISED)
UNTRUSTED, ALTERED = Finding(FindingCode.SIGNATURE_UNTRUSTED), Finding(FindingCode.SIGNATURE_ALTERED)


def test_by_default_a_born_digital_result_needs_no_signature_and_a_digitised_one_is_sealed() -> None:
    policy = FindingPolicy()
    assert policy.without_signature(BORN) is Unsigned.ACCEPT
    assert policy.without_signature(SCAN) is Unsigned.SEAL
    assert policy.without_signature(metadata(trust=Trust.MIXED)) is Unsigned.SEAL


def test_by_default_an_altered_result_is_kept_and_not_served() -> None:
    for said in (BORN, SCAN):
        assert FindingPolicy().of(said).decide((ALTERED,)) is Outcome.QUARANTINE


def test_by_default_a_stranger_may_sign_what_is_born_digital_and_not_a_scan() -> None:
    assert FindingPolicy().of(BORN).decide((UNTRUSTED,)) is Outcome.ACCEPT
    assert FindingPolicy().of(SCAN).decide((UNTRUSTED,)) is Outcome.QUARANTINE


def test_the_first_rule_that_fits_and_says_anything_decides() -> None:
    policy = policy_from(
        {
            "signatures": [
                {"result_types": ["KQ.G15.*"], "trust": ["digitised"], "untrusted": "refuse"},
                {"result_types": ["KQ.*"], "untrusted": "accept", "missing": "quarantine"},
            ]
        }
    )
    here = metadata(trust=Trust.DIGITISED, result_type="KQ.G15.000031")
    there = metadata(trust=Trust.DIGITISED, result_type="KQ.G16.000001")
    elsewhere = metadata(trust=Trust.DIGITISED, result_type="XX.1")
    assert policy.of(here).outcome_of(UNTRUSTED) is Outcome.REFUSE
    assert policy.of(there).outcome_of(UNTRUSTED) is Outcome.ACCEPT
    assert policy.of(elsewhere).outcome_of(UNTRUSTED) is Outcome.QUARANTINE
    assert policy.without_signature(here) is Unsigned.QUARANTINE
    assert policy.of(here).outcome_of(Finding(FindingCode.SIGNATURE_MISSING)) is Outcome.QUARANTINE
    assert policy.without_signature(elsewhere) is Unsigned.SEAL


def test_a_line_of_the_table_holds_where_no_rule_of_the_file_speaks() -> None:
    policy = policy_from(
        {
            "outcomes": {"signature-untrusted": "accept", "low-resolution": "quarantine"},
            "signatures": [{"trust": ["digitised"], "result_types": ["KQ.G15.*"], "untrusted": "refuse"}],
        }
    )
    other = metadata(trust=Trust.DIGITISED, result_type="XX.1")
    assert policy.of(other).outcome_of(UNTRUSTED) is Outcome.ACCEPT
    assert policy.of(SCAN).outcome_of(Finding(FindingCode.LOW_RESOLUTION)) is Outcome.QUARANTINE
    assert policy.of(SCAN).outcomes.keys() == DEFAULT_OUTCOMES.keys()


def test_a_result_that_must_be_signed_may_be_refused() -> None:
    policy = policy_from({"signatures": [{"trust": ["digitised"], "missing": "refuse"}]})
    assert policy.of(SCAN).decide((Finding(FindingCode.SIGNATURE_MISSING),)) is Outcome.REFUSE
    assert policy.without_signature(BORN) is Unsigned.ACCEPT


@pytest.mark.parametrize(
    "file",
    [
        {"signature": []},
        {"signatures": [{"untrustd": "accept"}]},
        {"signatures": [{"untrusted": "seal"}]},
        {"signatures": [{"missing": "ignore"}]},
        {"signatures": [{"trust": ["paper"]}]},
        {"signatures": [{"result_types": "KQ.*"}]},
    ],
)
def test_a_mistyped_rule_is_told(file: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"."):
        policy_from(file)
