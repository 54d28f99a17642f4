"""Verification: are exactly these bytes held?"""

from __future__ import annotations

from typing import Any

from flask import request
from flask.views import MethodView

from archive_service.api import present
from archive_service.api.answers import VerificationSchema
from archive_service.api.blueprint import Blueprint
from archive_service.api.identity import caller
from archive_service.api.reading import load
from archive_service.api.requests import DigestRequest
from archive_service.api.upload import Body, Limits, receive, require_body_within
from archive_service.errors import InvalidInput, Message
from archive_service.lifecycle.prove import require_may_verify, verify_bytes
from archive_service.model.archive import Archive

_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": DigestRequest},
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {"file": {"type": "string", "format": "binary"}},
                }
            },
        },
    }
}


def verifications_blueprint(archive: Archive) -> Blueprint:
    """Return the endpoint /verifications."""
    blueprint = Blueprint("verifications", __name__, description="Check a file or digest against what is held.")
    limits = Limits(0, archive.rules.max_file_bytes)

    @blueprint.route("/verifications")
    class Verifications(MethodView):
        @blueprint.doc(**_BODY)
        @blueprint.response(200, VerificationSchema)
        def post(self) -> dict[str, Any]:
            """Tell which records of your offices hold exactly these bytes, or that none does."""
            require_may_verify(caller())
            verification = verify_bytes(archive, caller(), _digest(archive, limits))
            return {
                "verdict": "held" if verification.held else "not-held",
                "sha256": verification.sha256,
                "records": [present.record_json(record) for record in verification.records],
                "disposed": [present.disposed_record_json(told) for told in verification.disposed],
            }

    return blueprint


def _digest(archive: Archive, limits: Limits) -> str:
    """Return the digest that was sent, or that of the file that was."""
    if request.mimetype != "multipart/form-data":
        stated: str = load(DigestRequest(), _json_body())["sha256"]
        return stated
    require_body_within(request.content_length, limits.body_bytes)
    with archive.staging.receive(limits.file_bytes) as file:
        body = Body(request.environ["wsgi.input"], request.content_type or "", request.content_length)
        if not receive(body, file, limits).has_file:
            raise InvalidInput(Message("The part file is missing.", "Thiếu phần «file»."), code="part-missing")
        return file.digest.sha256


def _json_body() -> object:
    """Return the JSON body, None for what is none."""
    try:
        return request.get_json(silent=True, force=True)
    except RecursionError:  # lists within lists without end
        return None
