"""Reading requests strictly: an unknown field is an error, because a mistyped name must not be lost quietly.

What marshmallow says of a wrong field is told in English and Vietnamese, each with the field's dotted path.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Any

from marshmallow import EXCLUDE, RAISE, Schema, ValidationError, fields, validate

from archive_service.errors import FieldProblem, InvalidInput, Message

# Control characters and lone surrogates: categories Cc and Cs, to which Unicode never adds (its stability policy).
_NOT_TEXT = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")

# marshmallow's own sentences, in both languages.
_SENTENCES = {
    "Missing data for required field.": Message("This field is required.", "Trường này là bắt buộc."),
    "Field may not be null.": Message("This field may not be null.", "Trường này không được để null."),
    "Unknown field.": Message("There is no such field.", "Không có trường này."),
    "Not a valid string.": Message("This must be text.", "Trường này phải là chuỗi ký tự."),
    "Not a valid date.": Message(
        "This must be a date that exists, YYYY-MM-DD.", "Trường này phải là ngày có thật, dạng YYYY-MM-DD."
    ),
    "Not a valid integer.": Message("This must be a whole number.", "Trường này phải là số nguyên."),
    "Not a valid boolean.": Message("This must be true or false.", "Trường này phải là true hoặc false."),
    "Not a valid list.": Message("This must be a list.", "Trường này phải là danh sách."),
    "Invalid input type.": Message("This must be an object.", "Trường này phải là một đối tượng."),
}

# The same for sentences that carry numbers or names.
_PATTERNS = (
    (re.compile(r"Must be one of: (.*)\."), "Phải là một trong các giá trị: {}."),
    (re.compile(r"Longer than maximum length (\d+)\."), "Dài quá {} ký tự hoặc phần tử."),
    (re.compile(r"Shorter than minimum length (\d+)\."), "Phải có ít nhất {} ký tự hoặc phần tử."),
    (re.compile(r"Length must be between (\d+) and (\d+)\."), "Phải có từ {} đến {} phần tử."),
    (
        re.compile(r"Must be greater than or equal to (\S+) and less than or equal to (\S+)\."),
        "Phải nằm trong khoảng từ {} đến {}.",
    ),
    (re.compile(r"String does not match expected pattern\."), "Không đúng định dạng quy định."),
)


class StrictSchema(Schema):
    """A request: unknown fields are errors."""

    class Meta:
        """Unknown fields raise."""

        unknown = RAISE


class QuerySchema(Schema):
    """A query string: unknown arguments are passed over, as HTTP clients and proxies may add some."""

    class Meta:
        """Unknown arguments are left out."""

        unknown = EXCLUDE


class Line(fields.String):
    """One line of text, NFC, blanks trimmed, without control characters."""

    def __init__(self, *, longest: int = 500, **settings: Any) -> None:
        super().__init__(validate=validate.Length(max=longest), **settings)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **settings: Any) -> str:
        text = unicodedata.normalize("NFC", super()._deserialize(value, attr, data, **settings)).strip()
        if _NOT_TEXT.search(text):
            raise ValidationError([Message("Control characters are not allowed.", "Không được chứa ký tự điều khiển.")])
        if not text and self.required:
            raise ValidationError([Message("This must not be empty.", "Trường này không được để trống.")])
        return text


def one_of(values: Any) -> validate.OneOf:
    """Return the rule that a text is one of the values of an enum."""
    return validate.OneOf([str(value) for value in values])


def load(schema: Schema, data: object) -> Any:
    """Return what the schema makes of the data.

    Raises InvalidInput naming each wrong field by its dotted path, in both languages.
    """
    if not isinstance(data, Mapping):
        raise InvalidInput(Message("The body must be a JSON object.", "Nội dung phải là một đối tượng JSON."))
    try:
        return schema.load(data)
    except ValidationError as wrong:
        raise InvalidInput(
            Message("Some fields are missing or wrong.", "Một số trường bị thiếu hoặc không hợp lệ."),
            problems=problems_of(wrong.messages),
        ) from wrong


def problems_of(messages: Any) -> tuple[FieldProblem, ...]:
    """Return marshmallow's nested messages as one row a field, each with its dotted path."""
    return tuple(_problems(messages, ""))


def _problems(messages: Any, path: str) -> list[FieldProblem]:
    if isinstance(messages, Mapping):
        return [
            problem
            for name, inner in messages.items()
            for problem in _problems(inner, path if name == "_schema" else f"{path}.{name}".lstrip("."))
        ]
    sentences = messages if isinstance(messages, list) else [messages]
    return [FieldProblem(path, _sentence(said)) for said in sentences]


def _sentence(said: Any) -> Message:
    if isinstance(said, Message):
        return said
    text = str(said)
    for pattern, vi in _PATTERNS:
        if match := pattern.fullmatch(text):
            return Message(text, vi.format(*match.groups()))
    return _SENTENCES.get(text, Message(text, "Giá trị không hợp lệ."))
