"""The shapes of answers about disposals (marshmallow), from which the OpenAPI document is made."""

from __future__ import annotations

from marshmallow import Schema, fields

from archive_service.api.answers import ContentSchema, MessageSchema
from archive_service.api.answers_retention import CoveredSchema
from archive_service.api.reading import one_of
from archive_service.model.disposals import ItemState
from retention.disposal import ProposalState, Vote
from retention.schedule import Action


class VoteSchema(Schema):
    """What a member of the council said."""

    member = fields.String()
    vote = fields.String(validate=one_of(Vote))
    reason = fields.String()
    voted_at = fields.String()


class ReceiptSchema(Schema):
    """The word of whoever took the records over."""

    receiver = fields.String()
    reference = fields.String()
    received_on = fields.String()
    text = fields.String()


class AmountOfClassSchema(CoveredSchema):
    """How many records and bytes of a class would be listed."""

    class_code = fields.String(data_key="class", attribute="class")


class EstimateSchema(CoveredSchema):
    """What a proposal would list.

    About ``left_over`` are due besides, ``proposed_elsewhere`` stands in another one, ``still_locked`` is locked by the
    store for more than 30 days; the first of those can be proposed from the day ``proposable_from``.
    """

    by_class = fields.List(fields.Nested(AmountOfClassSchema))
    left_over = fields.Integer()
    proposed_elsewhere = fields.Integer()
    still_locked = fields.Integer()
    proposable_from = fields.String(allow_none=True)


class TallySchema(Schema):
    """How many records and bytes stand how, and how many there are."""

    total = fields.Nested(CoveredSchema)
    listed = fields.Nested(CoveredSchema)
    excepted = fields.Nested(CoveredSchema)
    begun = fields.Nested(CoveredSchema)
    disposed = fields.Nested(CoveredSchema)
    kept = fields.Nested(CoveredSchema)


class DisposalSchema(Schema):
    """A proposal for disposal and what became of it.

    ``left_over`` comes with the proposal's own answer, ``estimate`` with a dry run of it, ``dry_run`` with every one.
    ``locked_until``, where it is shown alone: when the last of the store's locks ends that stand on listed records.
    """

    id = fields.String(allow_none=True)
    state = fields.String(validate=one_of(ProposalState))
    action = fields.String(validate=one_of(Action))
    title = fields.String()
    office = fields.String()
    proposed_by = fields.String()
    proposed_at = fields.String()
    council = fields.List(fields.String())
    votes = fields.List(fields.Nested(VoteSchema))
    approved_by = fields.String(allow_none=True)
    approved_at = fields.String(allow_none=True)
    receipt = fields.Nested(ReceiptSchema, allow_none=True)
    ended_at = fields.String(allow_none=True)
    records = fields.Nested(TallySchema)
    not_exported = fields.Integer()
    locked_until = fields.String(allow_none=True)
    certificate = fields.Nested(ContentSchema, allow_none=True)
    paper = fields.Nested(ContentSchema, allow_none=True)
    links = fields.Dict(keys=fields.String(), values=fields.String())
    left_over = fields.Integer()
    estimate = fields.Nested(EstimateSchema)
    dry_run = fields.Boolean()


class DisposalListSchema(Schema):
    """One page of proposals, oldest first."""

    disposals = fields.List(fields.Nested(DisposalSchema))
    next_cursor = fields.String(allow_none=True)


class ObstacleSchema(MessageSchema):
    """Why a record was kept at the last moment."""

    code = fields.String()


class DisposalRecordSchema(Schema):
    """A record's place in a proposal. What the record is, is told while it is there and yours to see.

    ``locked_until`` and ``held``, whether a hold stands on it, are told in a list, of a record that is listed.
    """

    record_id = fields.String()
    state = fields.String(validate=one_of(ItemState))
    class_code = fields.String(data_key="class", attribute="class", allow_none=True)
    due_on = fields.String(allow_none=True)
    size_bytes = fields.Integer()
    sha256 = fields.String()
    changed_at = fields.String()
    reason = fields.String(allow_none=True)
    by = fields.String(allow_none=True)
    kept_because = fields.Nested(ObstacleSchema, allow_none=True)
    package_sha256 = fields.String(allow_none=True)
    office = fields.String(allow_none=True)
    result_type = fields.String(allow_none=True)
    document_code = fields.String(allow_none=True)
    locked_until = fields.String(allow_none=True)
    held = fields.Boolean(allow_none=True)
    dry_run = fields.Boolean()


class DisposalRecordListSchema(Schema):
    """One page of a proposal's records, in order of id."""

    records = fields.List(fields.Nested(DisposalRecordSchema))
    next_cursor = fields.String(allow_none=True)
