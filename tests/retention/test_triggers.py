"""Triggers are known by name, or are events that a schedule names."""

from __future__ import annotations

import pytest

from retention.triggers import TRIGGERS, is_trigger, words_of


@pytest.mark.parametrize("name", [*TRIGGERS, "event:a", "event:pension-ended", "event:x2-3"])
def test_is_a_trigger_and_has_words_in_both_languages(name: str) -> None:
    assert is_trigger(name)
    words = words_of(name)
    assert words.en
    assert words.vi
    assert words.en != words.vi


@pytest.mark.parametrize(
    "name",
    ["", "event", "event:", "event:A", "event:a--b", "event:-a", "event:a-", "event:a b", "Event:a", "death", "event:é",
     "event:" + "a" * 59],
)  # fmt: skip
def test_is_no_trigger(name: str) -> None:
    assert not is_trigger(name)


def test_triggers_are_called_by_these_words() -> None:
    assert {name: (words.en, words.vi) for name, words in TRIGGERS.items()} == {
        "document-date": ("the date of the document", "ngày ban hành văn bản"),
        "received": ("the day on which the archive received it", "ngày lưu trữ tiếp nhận"),
        "dossier-closed": ("the closing of the dossier", "ngày kết thúc hồ sơ"),
        "last-payment": ("the last payment", "lần chi trả cuối cùng"),
        "subject-died": ("the subject's death", "ngày chủ thể qua đời"),
        "insurance-ended": ("the end of the insurance", "ngày chấm dứt tham gia bảo hiểm"),
        "replaced": ("its replacement by another record", "ngày bị thay thế bởi tài liệu khác"),
        "superseded": ("the day on which it ceased to apply", "ngày hết hiệu lực áp dụng"),
    }


def test_an_event_has_a_name_of_bounded_length() -> None:
    assert is_trigger("event:" + "a" * 58)


def test_an_event_is_called_by_its_own_name() -> None:
    assert words_of("event:pension-ended").en == "the event “pension-ended”"
    assert words_of("event:pension-ended").vi == "sự kiện “pension-ended”"
    assert words_of("document-date").vi == "ngày ban hành văn bản"
