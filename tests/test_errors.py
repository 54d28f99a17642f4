"""Every error has its answer at each entrance, and says in two languages what to do."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from archive_service.api.problems import STATUS
from archive_service.cli.output import EXIT_CODES
from archive_service.errors import ArchiveError, Message, TooSlow, Unavailable, unavailable

ERRORS = Path(__file__).resolve().parents[1] / "archive_service" / "errors.py"


def declared() -> list[type[ArchiveError]]:
    """Return the errors that errors.py declares: an entrance may have its own under these."""
    names = re.findall(r"^class (\w+)\((?:ArchiveError)\)", ERRORS.read_text(encoding="utf-8"), re.MULTILINE)
    by_name = {kind.__name__: kind for kind in ArchiveError.__subclasses__()}
    return [by_name[name] for name in names]


@pytest.mark.parametrize("kind", declared())
def test_every_error_has_an_http_status_and_an_exit_code(kind: type[ArchiveError]) -> None:
    assert kind in STATUS
    assert 400 <= STATUS[kind] <= 599
    assert kind in EXIT_CODES
    assert EXIT_CODES[kind] != 0


def test_every_error_has_a_code_of_its_own() -> None:
    codes = [kind.code for kind in declared()]
    assert len(set(codes)) == len(codes) >= 13
    assert ArchiveError.code not in codes


def test_only_what_may_succeed_when_asked_again_is_retryable() -> None:
    assert [kind for kind in declared() if kind.retryable] == [TooSlow, Unavailable]


def test_an_instance_may_have_a_more_exact_code_and_leaves_its_class_alone() -> None:
    error = ArchiveError(Message("a", "b"), code="exact", record_id="1")
    assert (error.code, str(error), error.details) == ("exact", "a", {"record_id": "1"})
    assert ArchiveError.code == "archive-error"


def test_a_part_that_does_not_answer_is_named_with_when_to_ask_again() -> None:
    error = unavailable("store", retry_after_seconds=9)
    assert (error.component, error.retry_after_seconds, error.details) == ("store", 9, {"component": "store"})
    assert "store" in error.message.en
    assert error.message.vi.startswith("Kho đối tượng")
