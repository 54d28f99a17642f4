"""The shapes of answers (marshmallow), from which the OpenAPI document is made."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from archive_service.api.reading import one_of
from archive_service.model.findings import Outcome
from archive_service.model.record import RecordState, SearchState
from archive_service.model.signatures import (
    Changes,
    Coverage,
    Indication,
    Level,
    SeenKind,
    SignatureKind,
    SignatureVerdict,
    StructureFault,
    SubIndication,
)


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
    signatures = fields.String(allow_none=True, validate=one_of(SignatureVerdict))
    findings = fields.List(fields.Nested(FindingSchema))
    links = fields.Dict(keys=fields.String(), values=fields.String())


class DepositedSchema(RecordSchema):
    """A record as its deposit is answered; ``receipt`` is a signed note to keep."""

    receipt = fields.String(allow_none=True)


class ConsistencySchema(Schema):
    """A proof that a log extends an earlier one: base64 of hashes (RFC 6962 §2.1.2)."""

    from_ = fields.Integer(data_key="from", attribute="from")
    to = fields.Integer()
    proof = fields.List(fields.String())


class LogKeySchema(Schema):
    """A key of the log (C2SP vkey), and when it began and ended to sign."""

    verifier_key = fields.String()
    added_at = fields.String()
    retired_at = fields.String(allow_none=True)


class LogKeysSchema(Schema):
    """Every key of the log, oldest first."""

    keys = fields.List(fields.Nested(LogKeySchema))


class CosignedSchema(Schema):
    """Whose cosignatures were kept."""

    witnesses = fields.List(fields.String())


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


class CheckedSignatureSchema(Schema):
    """One signature: what was seen of it, what follows by ETSI EN 319 102-1, and why in plain words."""

    field = fields.String()
    kind = fields.String(validate=one_of(SignatureKind))
    sub_filter = fields.String()
    verdict = fields.String(validate=one_of(SignatureVerdict))
    indication = fields.String(validate=one_of(Indication))
    sub_indication = fields.String(allow_none=True, validate=one_of(SubIndication))
    ades = fields.String(allow_none=True, validate=one_of(SubIndication))
    bottom_line = fields.Boolean()
    signer = fields.String(allow_none=True)
    certificate_path = fields.List(fields.String())
    claimed_at = fields.String(allow_none=True)
    time_stamped_at = fields.String(allow_none=True)
    level = fields.String(allow_none=True, validate=one_of(Level))
    byte_range = fields.List(fields.Integer())
    coverage = fields.String(validate=one_of(Coverage))
    later_changes = fields.String(validate=one_of(Changes))
    permission = fields.Integer(allow_none=True)
    faults = fields.List(fields.String(validate=one_of(StructureFault)))
    reasons = fields.List(fields.Dict(keys=fields.String(), values=fields.String()))


class SeenObjectSchema(Schema):
    """A certificate or revocation data that was looked at; ``der`` is base64, null for what was too much to keep."""

    kind = fields.String(validate=one_of(SeenKind))
    sha256 = fields.String()
    subject = fields.String(allow_none=True)
    der = fields.String(allow_none=True)


class SignaturesSchema(Schema):
    """The report of a record's signatures, as it was made at deposit and lies in the store."""

    format = fields.Integer()
    record_id = fields.String()
    checked_at = fields.String()
    validator = fields.String()
    verdict = fields.String(validate=one_of(SignatureVerdict))
    anchors = fields.Dict(keys=fields.String(), values=fields.List(fields.String()))
    signatures = fields.List(fields.Nested(CheckedSignatureSchema))
    seen = fields.List(fields.Nested(SeenObjectSchema))


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
    total_is_exact = fields.Boolean()
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


class DisposedRecordSchema(Schema):
    """A record that is gone: since when, how, and by which disposal."""

    record_id = fields.String()
    disposed_on = fields.String()
    action = fields.String(allow_none=True)
    disposal_id = fields.String(allow_none=True)
    links = fields.Dict(keys=fields.String(), values=fields.String())


class VerificationSchema(Schema):
    """Whether exactly these bytes are held, and as which records; ``disposed``: which held them and are gone."""

    verdict = fields.String(validate=validate.OneOf(["held", "not-held"]))
    sha256 = fields.String()
    records = fields.List(fields.Nested(RecordSchema))
    disposed = fields.List(fields.Nested(DisposedRecordSchema))


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
