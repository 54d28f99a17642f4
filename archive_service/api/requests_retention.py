"""The shapes of requests about retention and holds (marshmallow), from which the OpenAPI document is made."""

from __future__ import annotations

from typing import Any

from marshmallow import ValidationError, fields, post_load, validate

from archive_service.api.reading import Line, StrictSchema, one_of
from archive_service.api.requests import IdentifierSchema
from archive_service.errors import InvalidInput, Message
from archive_service.model.identifiers import Identifier, IdentifierScheme, parse_identifier
from archive_service.model.record import AccessLevel
from archive_service.model.retention import EventScope
from retention.decide import RetentionState
from retention.holds import Condition, HoldScope
from retention.schedule import Action

# What names that to which something happened, or which is held, by its scope; "target" where not said.
_NAMED_BY = {"subject": "identifier", "condition": "condition"}

_MISSING = Message("This field is required for this scope.", "Trường này là bắt buộc với phạm vi (scope) này.")
_NOT_OF_SCOPE = Message("This field does not go with this scope.", "Trường này không dùng với phạm vi (scope) này.")


class DryRunQuery(StrictSchema):
    """Whether to say only what would be done. A mistyped name is an error: it must not make a trial the real thing."""

    dry_run = fields.Boolean(load_default=False)


class StandingQuery(StrictSchema):
    """Which records are listed, and where they stand today."""

    state = fields.List(fields.String(validate=one_of(RetentionState)), load_default=list)
    class_code = Line(data_key="class", load_default=None, longest=64)
    action = fields.String(load_default=None, validate=one_of(Action))
    held = fields.Boolean(load_default=None)
    due_from = fields.Date(load_default=None)
    due_to = fields.Date(load_default=None)
    cursor = fields.String(load_default=None)
    limit = fields.Integer(load_default=100, validate=validate.Range(1, 500))


class EventQuery(StrictSchema):
    """Of what events are listed: a record or dossier by ``target``, a subject by ``scheme`` and ``number``."""

    scope = fields.String(required=True, validate=one_of(EventScope))
    target = Line(load_default=None, longest=64)
    scheme = fields.String(load_default=None, validate=one_of(IdentifierScheme))
    number = Line(load_default=None, longest=64)

    @post_load
    def make(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Return scope and ``named``: what the scope is named by."""
        wanted = {"scheme", "number"} if data["scope"] == EventScope.SUBJECT else {"target"}
        _require_only(data, wanted, ("target", "scheme", "number"))
        if data["scheme"] is None:
            return {"scope": EventScope(data["scope"]), "named": data["target"]}
        try:
            named = parse_identifier(data["scheme"], data["number"])
        except InvalidInput as wrong:
            raise ValidationError({"number": [wrong.message]}) from wrong
        return {"scope": EventScope(data["scope"]), "named": named}


class EventRequest(StrictSchema):
    """Something that starts a period, as somebody tells it."""

    scope = fields.String(required=True, validate=one_of(EventScope))
    target = Line(allow_none=True, load_default=None, longest=64)
    identifier = fields.Nested(IdentifierSchema, allow_none=True, load_default=None)
    trigger = Line(required=True, longest=64)
    happened_on = fields.Date(required=True)
    source = Line(required=True, longest=500)

    @post_load
    def make(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Return the values with ``named``: what the scope is named by."""
        return {**data, "scope": EventScope(data["scope"]), "named": _named(data, ("target", "identifier"))}


class ConditionSchema(StrictSchema):
    """A saved question: what is stated must all match, and what is left out states nothing."""

    result_types = fields.List(Line(longest=64), load_default=list, validate=validate.Length(max=500))
    offices = fields.List(Line(longest=64), load_default=list, validate=validate.Length(max=500))
    access_levels = fields.List(fields.String(validate=one_of(AccessLevel)), load_default=list)
    issued_from = fields.Date(allow_none=True, load_default=None)
    issued_to = fields.Date(allow_none=True, load_default=None)

    @post_load
    def make(self, data: dict[str, Any], **_: Any) -> Condition:
        """Return the condition."""
        return Condition(
            frozenset(data["result_types"]),
            frozenset(data["offices"]),
            frozenset(data["access_levels"]),
            data["issued_from"],
            data["issued_to"],
        )


class HoldRequest(StrictSchema):
    """What is to be held, for whom, why, by which law or letter, and when it is looked at again."""

    scope = fields.String(required=True, validate=one_of(HoldScope))
    target = Line(allow_none=True, load_default=None, longest=64)
    identifier = fields.Nested(IdentifierSchema, allow_none=True, load_default=None)
    condition = fields.Nested(ConditionSchema, allow_none=True, load_default=None)
    owner = Line(required=True, longest=300)
    reason = Line(required=True, longest=2000)
    legal_reference = Line(required=True, longest=500)
    review_on = fields.Date(required=True)

    @post_load
    def make(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Return the values with ``named``: what the scope is named by, empty for a condition."""
        named = _named(data, ("target", "identifier", "condition"))
        return {**data, "scope": HoldScope(data["scope"]), "named": "" if isinstance(named, Condition) else named}


class HoldQuery(StrictSchema):
    """Which holds are listed: those that stand, and with ``lifted`` those that ended, too."""

    lifted = fields.Boolean(load_default=False)
    cursor = fields.String(load_default=None)
    limit = fields.Integer(load_default=100, validate=validate.Range(1, 500))


class HoldReviewRequest(StrictSchema):
    """Why a hold goes on, and when it is looked at next."""

    review_on = fields.Date(required=True)
    reason = Line(required=True, longest=2000)


REPORT_FORMATS = ("json", "csv", "svg")


class ReportQuery(StrictSchema):
    """In which form a report is wanted."""

    format = fields.String(load_default="json", validate=validate.OneOf(REPORT_FORMATS))


def _named(data: dict[str, Any], names: tuple[str, ...]) -> str | Identifier | Condition:
    wanted = _NAMED_BY.get(data["scope"], "target")
    _require_only(data, {wanted}, names)
    named: str | Identifier | Condition = data[wanted]
    return named


def _require_only(data: dict[str, Any], wanted: set[str], names: tuple[str, ...]) -> None:
    """Raise ValidationError for each name that is wanted and missing, or there and not wanted."""
    wrong = {name: [_MISSING] for name in names if name in wanted and not data[name]}
    wrong |= {name: [_NOT_OF_SCOPE] for name in names if name not in wanted and data[name] is not None}
    if wrong:
        raise ValidationError(wrong)
