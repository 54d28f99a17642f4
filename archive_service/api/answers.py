"""The shapes of answers (marshmallow), from which the OpenAPI document is made."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from archive_service.api.reading import one_of
from archive_service.model.findings import Outcome
from archive_service.model.record import RecordState, SearchState


class MessageSchema(Schema):
    """A sentence in both languages."""

    en = fields.String()
    vi = fields.String()


class FindingSchema(Schema):
    """What a check found, and what it led to."""

    id = fields.Integer()
    record_id = fields.String()
    code = fields.String()
    outcome = fields.String(validate=one_of(Outcome))
    message = fields.Nested(MessageSchema)
    detail = fields.Dict(keys=fields.String())
    found_at = fields.String()
    resolved_at = fields.String(allow_none=True)
    resolved_by = fields.String(allow_none=True)
    resolution = fields.String(allow_none=True)


class ContentSchema(Schema):
    """Length and digests of the original bytes."""

    size_bytes = fields.Integer()
    sha256 = fields.String()
    sha512 = fields.String()


class RecordSchema(Schema):
    """A record."""

    id = fields.String()
    state = fields.String(validate=one_of(RecordState))
    search_state = fields.String(validate=one_of(SearchState))
    search_problem = fields.String(allow_none=True)
    subject_id = fields.String()
    metadata = fields.Dict(keys=fields.String())
    metadata_version = fields.Integer()
    content = fields.Nested(ContentSchema)
    page_count = fields.Integer()
    received_at = fields.String()
    stored_at = fields.String()
    locked_until = fields.String(allow_none=True)
    related = fields.List(fields.Dict(keys=fields.String()))
    findings = fields.List(fields.Nested(FindingSchema))
    links = fields.Dict(keys=fields.String(), values=fields.String())


class RecordListSchema(Schema):
    """One page of records."""

    records = fields.List(fields.Nested(RecordSchema))
    next = fields.String(allow_none=True)


class FindingListSchema(Schema):
    """One page of findings."""

    findings = fields.List(fields.Nested(FindingSchema))
    next = fields.Integer(allow_none=True)


class PageTextSchema(Schema):
    """The words of one page."""

    number = fields.Integer()
    text = fields.String()
    source = fields.String()
    confidence = fields.Float(allow_none=True)


class TextSchema(Schema):
    """The words of a record."""

    pages = fields.List(fields.Nested(PageTextSchema))


class EventSchema(Schema):
    """Something that happened; ``entry`` is the log entry's exact text. Actor and values are gone once erased."""

    index = fields.Integer()
    type = fields.String()
    at = fields.String()
    actor = fields.String(allow_none=True)
    values = fields.Dict(keys=fields.String(), allow_none=True)
    entry = fields.String()


class EventListSchema(Schema):
    """One page of events."""

    events = fields.List(fields.Nested(EventSchema))
    next = fields.Integer(allow_none=True)


class VersionSchema(Schema):
    """One version of a record's metadata."""

    version = fields.Integer()
    metadata = fields.Dict(keys=fields.String())
    actor = fields.String()
    reason = fields.String()
    recorded_at = fields.String()


class VersionListSchema(Schema):
    """Every version of a record's metadata, oldest first."""

    versions = fields.List(fields.Nested(VersionSchema))


class RenditionSchema(Schema):
    """A copy beside an original."""

    kind = fields.String()
    number = fields.Integer()
    size_bytes = fields.Integer()
    sha256 = fields.String()
    sha512 = fields.String()
    made_at = fields.String()
    locked_until = fields.String(allow_none=True)
    links = fields.Dict(keys=fields.String())


class RenditionListSchema(Schema):
    """Every copy beside an original, by kind and number."""

    renditions = fields.List(fields.Nested(RenditionSchema))


class SnippetSchema(Schema):
    """A piece of the text, and where in it the words are (begin and end, in code points)."""

    text = fields.String()
    marks = fields.List(fields.List(fields.Integer()))


class HitSchema(Schema):
    """A record that matched."""

    id = fields.String()
    score = fields.Float()
    state = fields.String()
    office = fields.String()
    result_type = fields.String()
    result_type_name = fields.String(allow_none=True)
    subject_name = fields.String()
    document_code = fields.String(allow_none=True)
    issued_on = fields.String(allow_none=True)
    summary = fields.String(allow_none=True)
    dossier_code = fields.String(allow_none=True)
    snippet = fields.Nested(SnippetSchema, allow_none=True)


class SearchAnswerSchema(Schema):
    """One page of hits."""

    hits = fields.List(fields.Nested(HitSchema))
    total = fields.Integer()
    next_cursor = fields.String(allow_none=True)
    facets = fields.Dict(keys=fields.String(), values=fields.Dict(keys=fields.String(), values=fields.Integer()))


class MergeSchema(Schema):
    """A merge of two subjects, and its undoing."""

    id = fields.Integer()
    kept = fields.String()
    merged = fields.String()
    reason = fields.String()
    actor = fields.String()
    merged_at = fields.String()
    unmerged_at = fields.String(allow_none=True)
    unmerged_by = fields.String(allow_none=True)
    unmerge_reason = fields.String(allow_none=True)


class SubjectSchema(Schema):
    """A subject over all its identifiers."""

    id = fields.String()
    kind = fields.String()
    name = fields.String()
    birth_date = fields.String(allow_none=True)
    identifiers = fields.List(fields.Dict(keys=fields.String()))
    merges = fields.List(fields.Nested(MergeSchema))


class SubjectPageSchema(Schema):
    """A subject and every result of it."""

    subject = fields.Nested(SubjectSchema)
    records = fields.List(fields.Nested(RecordSchema))


class VerificationSchema(Schema):
    """Whether exactly these bytes are held, and as which records."""

    verdict = fields.String(validate=validate.OneOf(["held", "not-held"]))
    sha256 = fields.String()
    records = fields.List(fields.Nested(RecordSchema))


class ProblemSchema(Schema):
    """A problem document (RFC 9457)."""

    type = fields.String()
    title = fields.String()
    status = fields.Integer()
    code = fields.String()
    detail = fields.String()
    detail_vi = fields.String()
    request_id = fields.String(allow_none=True)
    errors = fields.List(fields.Dict(keys=fields.String()))
    findings = fields.List(fields.Nested(FindingSchema))
