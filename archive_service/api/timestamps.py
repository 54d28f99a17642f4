"""The evidence record of a record: a standard file (RFC 4998) that proves since when it existed unchanged."""

from __future__ import annotations

from flask import Response, request
from flask.views import MethodView

from archive_service.api.blueprint import Blueprint
from archive_service.api.identity import caller
from archive_service.lifecycle.evidence_record import evidence_record
from archive_service.model.archive import Archive
from archive_service.model.identifiers import parse_record_id


def timestamps_blueprint(archive: Archive) -> Blueprint:
    """Return the endpoint of evidence records."""
    blueprint = Blueprint("timestamps", __name__, description="Prove since when a record exists unchanged.")

    @blueprint.route("/records/<record_id>/evidence-record")
    class OneEvidenceRecord(MethodView):
        @blueprint.doc(parameters=[{"in": "query", "name": "authority", "schema": {"type": "string", "maxLength": 64}}])
        @blueprint.response(200, content_type="application/octet-stream", description="RFC 4998, DER.")
        @blueprint.alt_response(404, schema="Problem", description="No such record, or not time-stamped yet.")
        def get(self, record_id: str) -> Response:
            """Download the evidence record over the original and the log entry of its deposit."""
            named = parse_record_id(record_id)
            der = evidence_record(archive, caller(), named, request.args.get("authority") or None)
            headers = {
                "Content-Disposition": f'attachment; filename="{named}.ers"',
                "X-Content-Type-Options": "nosniff",
                "Cache-Control": "private, no-store",
            }
            return Response(der, 200, headers, content_type="application/octet-stream")

    return blueprint
