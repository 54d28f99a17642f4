"""The shapes of answers about retention and holds (marshmallow), from which the OpenAPI document is made."""

from __future__ import annotations

from marshmallow import Schema, fields

from archive_service.api.answers import MessageSchema
from archive_service.api.reading import one_of
from archive_service.model.retention import EventScope
from retention.decide import RetentionState
from retention.holds import HoldScope
from retention.schedule import Action


class ScheduleSchema(Schema):
    """An adopted schedule; ``examples`` counts its classes that no law stands behind."""

    number = fields.Integer(allow_none=True)
    id = fields.String()
    version = fields.String()
    title = fields.Nested(MessageSchema)
    valid_from = fields.String()
    valid_to = fields.String(allow_none=True)
    classes = fields.Integer()
    rules = fields.Integer()
    examples = fields.Integer()
    sha256 = fields.String()
    adopted_by = fields.String(allow_none=True)
    adopted_at = fields.String(allow_none=True)
    links = fields.Dict(keys=fields.String(), values=fields.String())
    dry_run = fields.Boolean()
    adopted_before = fields.Boolean()


class RunSchema(Schema):
    """How far the run over all records is; ``schedule`` is the number of the one it decides by, null for none."""

    schedule = fields.Integer(allow_none=True)
    done = fields.Integer()
    total = fields.Integer()
    changed = fields.Integer()
    started_at = fields.String()
    ended_at = fields.String(allow_none=True)


class SchedulesSchema(Schema):
    """Every adopted schedule, oldest first; ``deciding`` is the number of the one that decides today."""

    schedules = fields.List(fields.Nested(ScheduleSchema))
    deciding = fields.Integer(allow_none=True)
    run = fields.Nested(RunSchema, allow_none=True)


class ClassSchema(Schema):
    """How long, from when, why, and what then."""

    code = fields.String()
    title = fields.Nested(MessageSchema)
    legal_source = fields.String()
    period = fields.String()
    trigger = fields.String()
    trigger_words = fields.Nested(MessageSchema)
    year_end = fields.Boolean()
    action = fields.String(validate=one_of(Action))
    example = fields.Boolean()


class EndSchema(Schema):
    """Who ended it, when and why."""

    by = fields.String()
    at = fields.String()
    reason = fields.String()


class CoveredSchema(Schema):
    """How many stored records of your offices, and bytes of originals."""

    records = fields.Integer()
    size_bytes = fields.Integer()


class HoldSchema(Schema):
    """A hold; ``covers`` and ``stands`` (the same hold that is there already) come with a dry run only."""

    id = fields.String(allow_none=True)
    scope = fields.String(validate=one_of(HoldScope))
    target = fields.String(allow_none=True)
    condition = fields.Dict(keys=fields.String(), allow_none=True)
    owner = fields.String()
    reason = fields.String()
    legal_reference = fields.String()
    review_on = fields.String()
    office = fields.String()
    placed_by = fields.String()
    placed_at = fields.String()
    lifted = fields.Nested(EndSchema, allow_none=True)
    dry_run = fields.Boolean()
    stands = fields.String(allow_none=True)
    covers = fields.Nested(CoveredSchema)


class HoldListSchema(Schema):
    """One page of holds, oldest first."""

    holds = fields.List(fields.Nested(HoldSchema))
    next_cursor = fields.String(allow_none=True)


class ReasonSchema(Schema):
    """One step of an explanation."""

    code = fields.String()
    en = fields.String()
    vi = fields.String()


class WrittenSchema(Schema):
    """Where a record stood when it was last decided on, which is what the store was told."""

    standing = fields.String(validate=one_of(RetentionState))
    held = fields.Boolean()
    class_code = fields.String(data_key="class", attribute="class", allow_none=True)
    action = fields.String(allow_none=True, validate=one_of(Action))
    trigger_on = fields.String(allow_none=True)
    due_on = fields.String(allow_none=True)
    decided_at = fields.String()
    look_again_at = fields.String(allow_none=True)


class ScheduleNameSchema(Schema):
    """Which schedule decided."""

    id = fields.String()
    version = fields.String()


class RetentionSchema(Schema):
    """Where a record stands today, and why."""

    record_id = fields.String()
    state = fields.String(validate=one_of(RetentionState))
    standing = fields.String(validate=one_of(RetentionState))
    due_on = fields.String(allow_none=True)
    kept_until = fields.String(allow_none=True)
    trigger_on = fields.String(allow_none=True)
    retention_class = fields.Nested(ClassSchema, data_key="class", attribute="class", allow_none=True)
    schedule = fields.Nested(ScheduleNameSchema)
    reasons = fields.List(fields.Nested(ReasonSchema))
    holds = fields.List(fields.Nested(HoldSchema))
    locked_until = fields.String(allow_none=True)
    written = fields.Nested(WrittenSchema, allow_none=True)


class StandingSchema(Schema):
    """Where one record of a list stands today, as it was last decided."""

    record_id = fields.String()
    office = fields.String()
    result_type = fields.String()
    document_code = fields.String(allow_none=True)
    size_bytes = fields.Integer()
    state = fields.String(validate=one_of(RetentionState))
    standing = fields.String(validate=one_of(RetentionState))
    held = fields.Boolean()
    class_code = fields.String(data_key="class", attribute="class", allow_none=True)
    action = fields.String(allow_none=True, validate=one_of(Action))
    trigger_on = fields.String(allow_none=True)
    due_on = fields.String(allow_none=True)


class StandingListSchema(Schema):
    """One page of records, by day due, those without a day last."""

    as_of = fields.String()
    records = fields.List(fields.Nested(StandingSchema))
    next_cursor = fields.String(allow_none=True)


class ToldEventSchema(Schema):
    """Something that happened; ``bears_on`` and ``stands`` (the same event, told before) come with a dry run only."""

    id = fields.String(allow_none=True)
    scope = fields.String(validate=one_of(EventScope))
    target = fields.String()
    trigger = fields.String()
    trigger_words = fields.Nested(MessageSchema)
    happened_on = fields.String()
    source = fields.String()
    office = fields.String()
    told_by = fields.String()
    told_at = fields.String()
    withdrawn = fields.Nested(EndSchema, allow_none=True)
    dry_run = fields.Boolean()
    stands = fields.String(allow_none=True)
    bears_on = fields.Nested(CoveredSchema)


class ToldEventListSchema(Schema):
    """Everything that was told of a record, dossier or subject, in the order in which it was told."""

    events = fields.List(fields.Nested(ToldEventSchema))


class ColumnSchema(Schema):
    """A column of a report: its name in the rows, its title, and what its values are."""

    name = fields.String()
    en = fields.String()
    vi = fields.String()
    kind = fields.String()


class BarPartSchema(Schema):
    """A part of a bar: of which series, and how much."""

    series = fields.String()
    value = fields.Integer()


class BarSchema(Schema):
    """A bar of a report's chart."""

    label = fields.String()
    parts = fields.List(fields.Nested(BarPartSchema))


class ReportSchema(Schema):
    """A report: rows of values by column, and the bars of its chart, whose values are ``unit``."""

    report = fields.String()
    title = fields.Nested(MessageSchema)
    as_of = fields.String()
    columns = fields.List(fields.Nested(ColumnSchema))
    rows = fields.List(fields.Dict(keys=fields.String()))
    total = fields.Dict(keys=fields.String())
    unit = fields.String()
    bars = fields.List(fields.Nested(BarSchema))
