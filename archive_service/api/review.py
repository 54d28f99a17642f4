"""What people decide: quarantine and findings."""

from __future__ import annotations

from typing import Any

from flask.views import MethodView

from archive_service.api import present
from archive_service.api.answers import FindingListSchema, FindingSchema, RecordListSchema, RecordSchema
from archive_service.api.blueprint import Blueprint
from archive_service.api.identity import caller
from archive_service.api.requests import ListQuery, NumberedListQuery, ReasonRequest, ResolutionRequest
from archive_service.lifecycle import review
from archive_service.model.archive import Archive
from archive_service.model.identifiers import parse_record_id


def review_blueprint(archive: Archive) -> Blueprint:
    """Return the endpoints /quarantine, /findings and the decisions on a record."""
    blueprint = Blueprint("review", __name__, description="What waits for a person, and what people decide.")

    @blueprint.route("/quarantine")
    class Quarantine(MethodView):
        @blueprint.arguments(ListQuery, location="query")
        @blueprint.response(200, RecordListSchema)
        def get(self, page: dict[str, Any]) -> dict[str, Any]:
            """List records that are kept, not served, and wait for a decision."""
            after = parse_record_id(page["after"]) if page["after"] else None
            found = review.list_quarantine(archive, caller(), after, page["limit"])
            more = found[-1].record.id if len(found) == page["limit"] else None
            return {"records": [present.record_json(r.record, r.findings) for r in found], "next": more}

    @blueprint.route("/records/<record_id>/release")
    class Release(MethodView):
        @blueprint.arguments(ReasonRequest)
        @blueprint.response(200, RecordSchema)
        def post(self, said: dict[str, Any], record_id: str) -> dict[str, Any]:
            """Let a record out of quarantine."""
            done = review.release(archive, caller(), parse_record_id(record_id), said["reason"])
            return present.record_json(done.record, done.findings)

    @blueprint.route("/records/<record_id>/rejection")
    class Rejection(MethodView):
        @blueprint.arguments(ReasonRequest)
        @blueprint.response(200, RecordSchema)
        def post(self, said: dict[str, Any], record_id: str) -> dict[str, Any]:
            """Turn a quarantined record away."""
            done = review.reject(archive, caller(), parse_record_id(record_id), said["reason"])
            return present.record_json(done.record, done.findings)

    @blueprint.route("/records/<record_id>/rereading")
    class Rereading(MethodView):
        @blueprint.response(202, RecordSchema)
        def post(self, record_id: str) -> dict[str, Any]:
            """Ask for the words to be read again, after a failure or with better recognition."""
            return present.record_json(review.read_again(archive, caller(), parse_record_id(record_id)))

    @blueprint.route("/findings")
    class Findings(MethodView):
        @blueprint.arguments(NumberedListQuery, location="query")
        @blueprint.response(200, FindingListSchema)
        def get(self, page: dict[str, Any]) -> dict[str, Any]:
            """List what the checks found and nobody has resolved."""
            found = review.list_findings(archive, caller(), page["after"], page["limit"])
            more = found[-1].id if len(found) == page["limit"] else None
            return {"findings": [present.finding_json(f) for f in found], "next": more}

    @blueprint.route("/findings/<int(max=9223372036854775807):finding_id>/resolution")
    class Resolution(MethodView):
        @blueprint.arguments(ResolutionRequest)
        @blueprint.response(200, FindingSchema)
        def post(self, said: dict[str, Any], finding_id: int) -> dict[str, Any]:
            """Close a finding with what was done about it."""
            return present.finding_json(review.resolve_finding(archive, caller(), finding_id, said["resolution"]))

    return blueprint
