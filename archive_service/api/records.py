"""Records: deposit them, read them, correct what is said of them."""

from __future__ import annotations

import json
import re
from typing import Any

from flask import Response, request
from flask.views import MethodView

from archive_service.api import present
from archive_service.api.answers import (
    DepositedSchema,
    EventListSchema,
    RecordSchema,
    SignaturesSchema,
    TextSchema,
    VersionListSchema,
)
from archive_service.api.blueprint import Blueprint
from archive_service.api.content import content_response
from archive_service.api.identity import caller
from archive_service.api.reading import load
from archive_service.api.requests import CorrectionRequest, DepositRequest, MetadataSchema, NumberedListQuery
from archive_service.api.upload import Body, Limits, Received, receive, require_body_within
from archive_service.api.uploads import UploadsInProgress
from archive_service.errors import InvalidInput, Message, PreconditionRequired
from archive_service.lifecycle import read
from archive_service.lifecycle.correct import Correction, correct
from archive_service.lifecycle.deposit import Deposit, Deposited, deposit, require_may_deposit
from archive_service.model.archive import Archive
from archive_service.model.identifiers import parse_record_id
from archive_service.model.ports import Reception

# One for each result a depositor hands over; printable, so that it can be logged and compared by eye.
_KEY = re.compile(r"[\x21-\x7e]{1,200}")
_DIGEST = re.compile(r"[0-9a-f]{64}")

_DEPOSIT_BODY = {
    "requestBody": {"required": True, "content": {"multipart/form-data": {"schema": DepositRequest}}},
    "parameters": [
        {
            "in": "header",
            "name": "Idempotency-Key",
            "required": True,
            "schema": {"type": "string", "minLength": 1, "maxLength": 200},
        },
        {
            "in": "header",
            "name": "X-Content-SHA256",
            "schema": {"type": "string", "pattern": "^[0-9a-fA-F]{64}$"},
        },
    ],
}


def records_blueprint(archive: Archive, max_metadata_bytes: int, uploads: UploadsInProgress) -> Blueprint:
    """Return the endpoints under /records."""
    blueprint = Blueprint("records", __name__, description="Deposit results, read them, correct their metadata.")
    limits = Limits(max_metadata_bytes, archive.rules.max_file_bytes, frozenset({"metadata"}))
    metadata = MetadataSchema()  # made once: making it costs as much as reading a description with it

    @blueprint.route("/records")
    class Deposits(MethodView):
        @blueprint.doc(**_DEPOSIT_BODY)
        @blueprint.response(201, DepositedSchema, description="The record is kept.")
        @blueprint.alt_response(408, schema="Problem", description="The body came in too slowly.")
        @blueprint.alt_response(409, schema="Problem", description="Key reused, or already held.")
        @blueprint.alt_response(413, schema="Problem", description="Over the size limit.")
        @blueprint.alt_response(422, schema="Problem", description="Read and refused, with findings.")
        @blueprint.alt_response(503, schema="Problem", description="Send the same again after Retry-After.")
        def post(self) -> tuple[dict[str, Any], int, dict[str, str]]:
            """Deposit a result."""
            require_may_deposit(caller())
            key = _idempotency_key()
            require_body_within(request.content_length, limits.body_bytes)
            with archive.staging.receive(limits.file_bytes) as file:
                body = Body(request.environ["wsgi.input"], request.content_type or "", request.content_length)
                with uploads.one_more(caller().id):
                    received = receive(body, file, limits)
                command = _command(key, received, file, metadata)
                return _deposited(deposit(archive, command))

    @blueprint.route("/records/<record_id>")
    class OneRecord(MethodView):
        @blueprint.response(200, RecordSchema)
        @blueprint.alt_response(404, schema="Problem", description="No such record in your offices.")
        def get(self, record_id: str) -> tuple[dict[str, Any], int, dict[str, str]]:
            """Show a record."""
            shown = read.show_record(archive, caller(), parse_record_id(record_id))
            return present.shown_record_json(shown), 200, {"ETag": shown.record.etag}

    @blueprint.route("/records/<record_id>/content")
    class RecordContent(MethodView):
        @blueprint.response(200, content_type="application/pdf", description="The original bytes.")
        @blueprint.alt_response(206, description="The part that was asked for.")
        @blueprint.alt_response(409, schema="Problem", description="Not served: in quarantine or rejected.")
        @blueprint.alt_response(416, description="No such part.")
        def get(self, record_id: str) -> Response:
            """Download the original bytes; Range is honoured."""
            return content_response(read.open_content(archive, caller(), parse_record_id(record_id)))

    @blueprint.route("/records/<record_id>/text")
    class RecordText(MethodView):
        @blueprint.response(200, TextSchema)
        def get(self, record_id: str) -> dict[str, Any]:
            """Show the words, page by page."""
            return present.text_json(read.read_text(archive, caller(), parse_record_id(record_id)))

    @blueprint.route("/records/<record_id>/events")
    class RecordEvents(MethodView):
        @blueprint.arguments(NumberedListQuery, location="query")
        @blueprint.response(200, EventListSchema)
        def get(self, page: dict[str, Any], record_id: str) -> dict[str, Any]:
            """List everything that happened to the record, reads included, oldest first."""
            events = read.list_events(archive, caller(), parse_record_id(record_id), page["after"], page["limit"])
            more = events[-1].index if len(events) == page["limit"] else None
            return {"events": [present.event_json(event) for event in events], "next": more}

    @blueprint.route("/records/<record_id>/versions")
    class RecordVersions(MethodView):
        @blueprint.response(200, VersionListSchema)
        def get(self, record_id: str) -> dict[str, Any]:
            """List every version of the metadata, oldest first."""
            versions = read.list_versions(archive, caller(), parse_record_id(record_id))
            return {"versions": [present.version_json(version) for version in versions]}

    @blueprint.route("/records/<record_id>/signatures")
    class RecordSignatures(MethodView):
        @blueprint.response(200, SignaturesSchema)
        @blueprint.alt_response(404, schema="Problem", description="No such record, or it carries no signature.")
        def get(self, record_id: str) -> dict[str, Any]:
            """Show what the record's signatures were worth at deposit, with the evidence that was seen."""
            return read.show_signatures(archive, caller(), parse_record_id(record_id))

    @blueprint.route("/records/<record_id>/corrections")
    class RecordCorrections(MethodView):
        @blueprint.arguments(CorrectionRequest)
        @blueprint.response(200, RecordSchema)
        @blueprint.alt_response(412, schema="Problem", description="Changed meanwhile: read it again.")
        @blueprint.alt_response(428, schema="Problem", description="If-Match is missing.")
        def post(self, said: dict[str, Any], record_id: str) -> tuple[dict[str, Any], int, dict[str, str]]:
            """Give the record its next metadata version."""
            etag = request.headers.get("If-Match")
            if not etag:
                raise PreconditionRequired(
                    Message(
                        "Send If-Match with the ETag of the record as you read it.",
                        "Hãy gửi If-Match với ETag của tài liệu khi bạn đọc.",
                    )
                )
            command = Correction(caller(), parse_record_id(record_id), said["metadata"], said["reason"], etag)
            record = correct(archive, command)
            return present.record_json(record), 200, {"ETag": record.etag}

    return blueprint


def _idempotency_key() -> str:
    key = request.headers.get("Idempotency-Key", "")
    if not _KEY.fullmatch(key):
        raise PreconditionRequired(
            Message(
                "Send the header Idempotency-Key: 1 to 200 printable characters, one key for each result.",
                "Hãy gửi tiêu đề Idempotency-Key: 1 đến 200 ký tự in được, mỗi kết quả một khoá.",
            )
        )
    return key


def _command(key: str, received: Received, file: Reception, metadata: MetadataSchema) -> Deposit:
    """Return the command of what arrived; the parts may have come in any order."""
    for name in ("metadata", "file"):
        if name not in received.fields and not (name == "file" and received.has_file):
            raise InvalidInput(Message(f"The part {name} is missing.", f"Thiếu phần «{name}»."), code="part-missing")
    try:
        values = json.loads(received.fields["metadata"])
    except (ValueError, RecursionError) as wrong:  # the latter for lists within lists without end
        raise InvalidInput(
            Message("The part metadata is not JSON.", "Phần metadata không phải là JSON."), code="not-json"
        ) from wrong
    digest = file.digest
    _require_digest(digest.sha256)
    return Deposit(caller(), key, load(metadata, values), file.path, digest)


def _require_digest(sha256: str) -> None:
    stated = request.headers.get("X-Content-SHA256")
    if stated is None:
        return
    if not _DIGEST.fullmatch(stated.lower()):
        raise InvalidInput(
            Message(
                "X-Content-SHA256 must be 64 hexadecimal digits.",
                "X-Content-SHA256 gồm 64 chữ số thập lục phân.",
            ),
            code="digest-mistyped",
        )
    if stated.lower() != sha256:
        raise InvalidInput(
            Message(
                "The file that arrived is not the one X-Content-SHA256 names. Send it again.",
                "Tệp nhận được không khớp với X-Content-SHA256. Hãy gửi lại.",
            ),
            code="digest-mismatch",
        )


def _deposited(done: Deposited) -> tuple[dict[str, Any], int, dict[str, str]]:
    body = present.deposited_json(done)
    headers = {"Location": body["links"]["self"], "ETag": done.record.etag}
    if done.replayed:
        headers["Idempotent-Replay"] = "true"
    return body, 201, headers
