"""The shapes of requests (marshmallow), from which the OpenAPI document is made."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, ValidationError, fields, post_load, validate

from archive_service.api.reading import Line, QuerySchema, StrictSchema, one_of
from archive_service.errors import InvalidInput
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
    Trust,
)
from archive_service.model.subject import SubjectClaim, SubjectKind


class IdentifierSchema(StrictSchema):
    """A number of a known kind."""

    scheme = fields.String(required=True, validate=one_of(IdentifierScheme))
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

    kind = fields.String(required=True, validate=one_of(SubjectKind))
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

    kind = fields.String(required=True, validate=one_of(RelationKind))
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
    trust = fields.String(required=True, validate=one_of(Trust))
    channel = fields.String(required=True, validate=one_of(Channel))
    access_level = fields.String(load_default=str(AccessLevel.CONDITIONAL), validate=one_of(AccessLevel))
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


class ConsistencyQuery(QuerySchema):
    """The sizes of two trees of the log."""

    from_ = fields.Integer(data_key="from", required=True, validate=validate.Range(1, 2**62))
    to = fields.Integer(required=True, validate=validate.Range(1, 2**62))


class ProofQuery(QuerySchema):
    """Which entry of the record is to be proven; without: that of its deposit."""

    index = fields.Integer(load_default=None, validate=validate.Range(0, 2**62))


class SearchArguments(StrictSchema):
    """What a search asks for."""

    q = fields.String(load_default="", validate=validate.Length(max=10_000))
    office = Line(load_default=None, longest=64)
    result_type = fields.List(Line(longest=64), load_default=list)
    scheme = fields.String(load_default=None, validate=one_of(IdentifierScheme))
    number = Line(load_default=None, longest=64)
    dossier = Line(load_default=None, longest=64)
    issued_from = fields.Date(load_default=None)
    issued_to = fields.Date(load_default=None)
    stored_from = fields.Date(load_default=None)
    stored_to = fields.Date(load_default=None)
    trust = fields.List(fields.String(validate=one_of(Trust)), load_default=list)
    state = fields.List(fields.String(validate=one_of(RecordState)), load_default=list)
    sort = fields.String(load_default=None, validate=validate.OneOf(["relevance", "newest", "oldest"]))
    size = fields.Integer(load_default=20, validate=validate.Range(1, 100))
    cursor = fields.String(load_default=None)
    facet = fields.List(
        fields.String(validate=validate.OneOf(["office", "result_type", "trust", "state", "year"])),
        load_default=list,
    )
