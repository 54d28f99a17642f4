"""Renditions: the copies that are kept beside an original, such as the sealed PDF/A of a scan."""

from __future__ import annotations

from typing import Any

from flask import Response
from flask.views import MethodView

from archive_service.api import present
from archive_service.api.answers import RenditionListSchema
from archive_service.api.blueprint import Blueprint
from archive_service.api.content import content_response
from archive_service.api.identity import caller
from archive_service.lifecycle import read
from archive_service.model.archive import Archive
from archive_service.model.identifiers import parse_record_id
from archive_service.model.sealing import RenditionKind


def renditions_blueprint(archive: Archive) -> Blueprint:
    """Return the endpoints under /records/ID/renditions."""
    blueprint = Blueprint("renditions", __name__, description="Copies beside the originals: the sealed PDF/A.")

    @blueprint.route("/records/<record_id>/renditions")
    class Renditions(MethodView):
        @blueprint.response(200, RenditionListSchema)
        @blueprint.alt_response(404, schema="Problem", description="No such record in your offices.")
        def get(self, record_id: str) -> dict[str, Any]:
            """List the copies that are kept beside the original."""
            renditions = read.list_renditions(archive, caller(), parse_record_id(record_id))
            return {"renditions": [present.rendition_json(one) for one in renditions]}

    @blueprint.route("/records/<record_id>/renditions/sealed")
    class SealedRendition(MethodView):
        @blueprint.response(200, content_type="application/pdf", description="The newest sealed copy.")
        @blueprint.alt_response(206, description="The part that was asked for.")
        @blueprint.alt_response(404, schema="Problem", description="No such record in your offices, or no sealed copy.")
        @blueprint.alt_response(409, schema="Problem", description="Not served: in quarantine or rejected.")
        @blueprint.alt_response(416, description="No such part.")
        def get(self, record_id: str) -> Response:
            """Download the searchable PDF/A with the agency's seal; Range is honoured."""
            opened = read.open_rendition(archive, caller(), parse_record_id(record_id), RenditionKind.SEALED)
            return content_response(opened, "-sealed")

    return blueprint
