"""The shapes of requests and answers (marshmallow), from which the OpenAPI document is made.

Requests are read strictly: an unknown field is an error, because a mistyped name must not be lost quietly.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import Any

from marshmallow import EXCLUDE, RAISE, Schema, ValidationError, fields, post_load, validate

from archive_service.errors import FieldProblem, InvalidInput, Message
from archive_service.model.findings import Outcome
from archive_service.model.identifiers import (
    Identifier,
    IdentifierScheme,
    OfficeCode,
    ProcedureCode,
    ResultTypeCode,
    parse_dossier_code,
    parse_identifier,
    parse_record_id,
)
from archive_service.model.record import (
    AccessLevel,
    Channel,
    RecordMetadata,
    RecordState,
    Relation,
    RelationKind,
    SearchState,
    Trust,
)
from archive_service.model.subject import SubjectClaim, SubjectKind

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
    "Not a valid list.": Message("This must be a list.", "Trường này phải là danh sách."),
    "Invalid input type.": Message("This must be an object.", "Trường này phải là một đối tượng."),
}


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
        if any(unicodedata.category(letter) in {"Cc", "Cs"} for letter in text):
            raise ValidationError([Message("Control characters are not allowed.", "Không được chứa ký tự điều khiển.")])
        if not text and self.required:
            raise ValidationError([Message("This must not be empty.", "Trường này không được để trống.")])
        return text


def _one_of(values: Any) -> validate.OneOf:
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
    return _SENTENCES.get(str(said), Message(str(said), f"Giá trị không hợp lệ: {said}"))


class IdentifierSchema(StrictSchema):
    """A number of a known kind."""

    scheme = fields.String(required=True, validate=_one_of(IdentifierScheme))
    number = Line(required=True, longest=64)

    @post_load
    def make(self, data: dict[str, Any], **_: Any) -> Identifier:
        """Return the identifier in its comparable form."""
        try:
            return parse_identifier(data["scheme"], data["number"])
        except InvalidInput as wrong:
            raise ValidationError({"number": [wrong.message]}) from wrong


class SubjectClaimSchema(StrictSchema):
    """Whom the result was issued to."""

    kind = fields.String(required=True, validate=_one_of(SubjectKind))
    name = Line(required=True, longest=300)
    birth_date = fields.Date(allow_none=True, load_default=None)
    identifiers = fields.List(fields.Nested(IdentifierSchema), required=True, validate=validate.Length(1, 20))

    @post_load
    def make(self, data: dict[str, Any], **_: Any) -> SubjectClaim:
        """Return the claim; the same number twice counts once."""
        return SubjectClaim(
            kind=SubjectKind(data["kind"]),
            name=data["name"],
            birth_date=data["birth_date"],
            identifiers=tuple(dict.fromkeys(data["identifiers"])),
        )


class RelationSchema(StrictSchema):
    """What this result does to an earlier one."""

    kind = fields.String(required=True, validate=_one_of(RelationKind))
    record_id = fields.String(required=True)

    @post_load
    def make(self, data: dict[str, Any], **_: Any) -> Relation:
        """Return the relation."""
        try:
            return Relation(RelationKind(data["kind"]), parse_record_id(data["record_id"]))
        except InvalidInput as wrong:
            raise ValidationError({"record_id": [wrong.message]}) from wrong


class MetadataSchema(StrictSchema):
    """What is said of a result."""

    office = Line(required=True, longest=64)
    result_type = Line(required=True, longest=64)
    procedure = Line(allow_none=True, load_default=None, longest=64)
    subject = fields.Nested(SubjectClaimSchema, required=True)
    dossier_code = Line(allow_none=True, load_default=None, longest=64)
    document_number = Line(allow_none=True, load_default=None, longest=64)
    document_notation = Line(allow_none=True, load_default=None, longest=64)
    issued_on = fields.Date(allow_none=True, load_default=None)
    issuing_body = Line(allow_none=True, load_default=None)
    signer = Line(allow_none=True, load_default=None, longest=300)
    summary = Line(allow_none=True, load_default=None, longest=2000)
    trust = fields.String(required=True, validate=_one_of(Trust))
    channel = fields.String(required=True, validate=_one_of(Channel))
    access_level = fields.String(load_default=str(AccessLevel.CONDITIONAL), validate=_one_of(AccessLevel))
    language = fields.String(load_default="vi", validate=validate.Regexp(r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*\Z"))
    paper_location = Line(allow_none=True, load_default=None)
    relations = fields.List(fields.Nested(RelationSchema), load_default=list, validate=validate.Length(max=50))

    @post_load
    def make(self, data: dict[str, Any], **_: Any) -> RecordMetadata:
        """Return the metadata, the dossier code in its one spelling."""
        try:
            dossier = str(parse_dossier_code(data["dossier_code"])) if data["dossier_code"] else None
        except InvalidInput as wrong:
            raise ValidationError({"dossier_code": [wrong.message]}) from wrong
        return RecordMetadata(
            office=OfficeCode(data["office"]),
            result_type=ResultTypeCode(data["result_type"]),
            procedure=ProcedureCode(data["procedure"]) if data["procedure"] else None,
            subject=data["subject"],
            dossier_code=dossier,
            document_number=data["document_number"] or None,
            document_notation=data["document_notation"] or None,
            issued_on=data["issued_on"],
            issuing_body=data["issuing_body"] or None,
            signer=data["signer"] or None,
            summary=data["summary"] or None,
            trust=Trust(data["trust"]),
            channel=Channel(data["channel"]),
            access_level=AccessLevel(data["access_level"]),
            language=data["language"],
            paper_location=data["paper_location"] or None,
            relations=tuple(dict.fromkeys(data["relations"])),
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
    outcome = fields.String(validate=_one_of(Outcome))
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
    state = fields.String(validate=_one_of(RecordState))
    search_state = fields.String(validate=_one_of(SearchState))
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


class ReasonRequest(StrictSchema):
    """Why."""

    reason = Line(required=True, longest=2000)


class ResolutionRequest(StrictSchema):
    """What was done about a finding."""

    resolution = Line(required=True, longest=2000)


class CorrectionRequest(StrictSchema):
    """The whole new metadata, and why."""

    reason = Line(required=True, longest=2000)
    metadata = fields.Nested(MetadataSchema, required=True)


class MergeRequest(StrictSchema):
    """Two numbers of one subject."""

    kept = fields.Nested(IdentifierSchema, required=True)
    merged = fields.Nested(IdentifierSchema, required=True)
    reason = Line(required=True, longest=2000)


class IdentificationRequest(StrictSchema):
    """Another number of a subject, and the days on which it is valid."""

    known = fields.Nested(IdentifierSchema, required=True)
    added = fields.Nested(IdentifierSchema, required=True)
    valid_from = fields.Date(allow_none=True, load_default=None)
    valid_to = fields.Date(allow_none=True, load_default=None)
    reason = Line(required=True, longest=2000)


class DigestRequest(StrictSchema):
    """A digest to look for."""

    sha256 = fields.String(required=True)


class DepositRequest(Schema):
    """The parts of a deposit."""

    metadata = fields.Nested(MetadataSchema, required=True)
    file = fields.Raw(required=True, metadata={"type": "string", "format": "binary"})


class ListQuery(QuerySchema):
    """One page of a list that is in id order."""

    after = fields.String(load_default=None)
    limit = fields.Integer(load_default=100, validate=validate.Range(1, 500))


class NumberedListQuery(QuerySchema):
    """One page of a list that is in number order."""

    after = fields.Integer(load_default=-1, validate=validate.Range(-1, 2**62))
    limit = fields.Integer(load_default=100, validate=validate.Range(1, 500))


class SearchArguments(QuerySchema):
    """What a search asks for."""

    q = fields.String(load_default="", validate=validate.Length(max=10_000))
    office = Line(load_default=None, longest=64)
    result_type = fields.List(Line(longest=64), load_default=list)
    scheme = fields.String(load_default=None, validate=_one_of(IdentifierScheme))
    number = Line(load_default=None, longest=64)
    dossier = Line(load_default=None, longest=64)
    issued_from = fields.Date(load_default=None)
    issued_to = fields.Date(load_default=None)
    stored_from = fields.Date(load_default=None)
    stored_to = fields.Date(load_default=None)
    trust = fields.List(fields.String(validate=_one_of(Trust)), load_default=list)
    state = fields.List(fields.String(validate=_one_of(RecordState)), load_default=list)
    sort = fields.String(load_default=None, validate=validate.OneOf(["relevance", "newest", "oldest"]))
    size = fields.Integer(load_default=20, validate=validate.Range(1, 100))
    cursor = fields.String(load_default=None)
    facet = fields.List(
        fields.String(validate=validate.OneOf(["office", "result_type", "trust", "state", "year"])),
        load_default=list,
    )


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
