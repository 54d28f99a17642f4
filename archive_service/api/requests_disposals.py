"""The shapes of requests about disposals (marshmallow), from which the OpenAPI document is made."""

from __future__ import annotations

from typing import Any

from marshmallow import ValidationError, fields, post_load, validate

from archive_service.api.reading import Line, StrictSchema, one_of
from archive_service.errors import InvalidInput
from archive_service.model.disposals import ItemState, Receipt
from archive_service.model.identifiers import parse_record_id
from retention.disposal import ProposalState, Vote
from retention.schedule import Action

CERTIFICATE_FORMATS = ("json", "pdf")


class DisposalRequest(StrictSchema):
    """Which due records are proposed, for what, and who votes on it: persons, by their accounts."""

    title = Line(required=True, longest=500)
    action = fields.String(required=True, validate=one_of(Action))
    class_code = Line(data_key="class", allow_none=True, load_default=None, longest=64)
    due_to = fields.Date(allow_none=True, load_default=None)
    council = fields.List(Line(longest=200), required=True, validate=validate.Length(1, 99))


class DisposalQuery(StrictSchema):
    """Which proposals are listed."""

    state = fields.List(fields.String(validate=one_of(ProposalState)), load_default=list)
    cursor = fields.String(load_default=None)
    limit = fields.Integer(load_default=100, validate=validate.Range(1, 500))


class DisposalRecordsQuery(StrictSchema):
    """Which records of a proposal are listed."""

    state = fields.List(fields.String(validate=one_of(ItemState)), load_default=list)
    cursor = fields.String(load_default=None)
    limit = fields.Integer(load_default=100, validate=validate.Range(1, 500))


class ExceptionRequest(StrictSchema):
    """Which record is taken out of a proposal, and why."""

    record_id = fields.String(required=True)
    reason = Line(required=True, longest=300)

    @post_load
    def make(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Return the values, the id in its one spelling."""
        try:
            return {**data, "record_id": parse_record_id(data["record_id"])}
        except InvalidInput as wrong:
            raise ValidationError({"record_id": [wrong.message]}) from wrong


class VoteRequest(StrictSchema):
    """What a member of the council says, and why; whoever refuses says why."""

    vote = fields.String(required=True, validate=one_of(Vote))
    reason = Line(allow_none=True, load_default=None, longest=2000)


class ReceiptRequest(StrictSchema):
    """The word of whoever took the records over."""

    receiver = Line(required=True, longest=500)
    reference = Line(required=True, longest=500)
    received_on = fields.Date(required=True)
    text = Line(required=True, longest=4000)

    @post_load
    def make(self, data: dict[str, Any], **_: Any) -> Receipt:
        """Return the receipt."""
        return Receipt(data["receiver"], data["reference"], data["received_on"], data["text"])


class CertificateQuery(StrictSchema):
    """In which form the certificate is wanted."""

    format = fields.String(load_default="json", validate=validate.OneOf(CERTIFICATE_FORMATS))
