"""The example reference data and policy: the archive's own readers take them, and they show what they promise."""

from __future__ import annotations

import tomllib
from pathlib import Path

from archive_service.model.findings import DEFAULT_OUTCOMES, FindingCode, Outcome
from archive_service.storage.reference_files import read_reference

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def test_the_tree_has_one_root_and_every_parent_and_successor() -> None:
    offices = {office.code: office for office in read_reference(EXAMPLES / "reference").offices}
    assert [office.code for office in offices.values() if office.parent is None] == ["BHXH"]
    for office in offices.values():
        assert office.parent is None or office.parent in offices
        assert office.successor is None or office.successor in offices


def test_a_province_ended_and_another_took_its_place() -> None:
    offices = {office.code: office for office in read_reference(EXAMPLES / "reference").offices}
    ended = [office for office in offices.values() if office.valid_to is not None]
    assert len([office for office in ended if office.parent == "BHXH"]) == 1
    for office in ended:
        assert office.successor is not None
        assert offices[office.successor].valid_to is None


def test_procedures_end_with_known_kinds_of_result() -> None:
    data = read_reference(EXAMPLES / "reference")
    known = {kind.code for kind in data.result_types}
    assert all(set(procedure.result_types) <= known for procedure in data.procedures)
    assert all(kind.name_en for kind in data.result_types)


def test_the_example_policy_changes_lines_to_outcomes_that_exist() -> None:
    lines = tomllib.loads((EXAMPLES / "finding-policy.toml").read_text(encoding="utf-8"))["outcomes"]
    assert lines
    for code, outcome in lines.items():
        assert DEFAULT_OUTCOMES[FindingCode(code)] is not Outcome(outcome)
