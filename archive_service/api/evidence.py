"""What proves a record: its evidence record alone (RFC 4998), or everything in one package for an offline check."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from flask import Response, request
from flask.views import MethodView

from archive_service.api.blueprint import Blueprint
from archive_service.api.content import Stream
from archive_service.api.identity import caller
from archive_service.evidence.package import EvidencePackage
from archive_service.lifecycle.evidence.give_out import evidence_package, evidence_record
from archive_service.model.archive import Archive
from archive_service.model.identifiers import parse_record_id


def evidence_blueprint(archive: Archive) -> Blueprint:
    """Return the endpoints of evidence records and packages."""
    blueprint = Blueprint("evidence", __name__, description="Prove what was deposited, when, and that it is unchanged.")

    @blueprint.route("/records/<record_id>/evidence-record")
    class OneEvidenceRecord(MethodView):
        @blueprint.doc(parameters=[{"in": "query", "name": "authority", "schema": {"type": "string", "maxLength": 64}}])
        @blueprint.response(200, content_type="application/octet-stream", description="RFC 4998, DER.")
        @blueprint.alt_response(404, schema="Problem", description="No such record, or not time-stamped yet.")
        def get(self, record_id: str) -> Response:
            """Download the evidence record over the original and the log entry of its deposit."""
            named = parse_record_id(record_id)
            der = evidence_record(archive, caller(), named, request.args.get("authority") or None)
            return Response(der, 200, _headers(f"{named}.ers"), content_type="application/octet-stream")

    @blueprint.route("/records/<record_id>/evidence")
    class OnePackage(MethodView):
        @blueprint.response(
            200, content_type="application/zip", description="An evidence package: archive-verify FILE."
        )
        @blueprint.alt_response(404, schema="Problem", description="No such record in your offices.")
        @blueprint.alt_response(409, schema="Problem", description="Not served, or not in a checkpoint yet.")
        def get(self, record_id: str) -> Response:
            """Download everything that proves the record: original, log entries, proofs, time-stamps, signatures."""
            named = parse_record_id(record_id)
            with ExitStack() as stack:
                package = stack.enter_context(evidence_package(archive, caller(), named))
                headers = _headers(f"{named}.zip") | {"Content-Length": str(package.size_bytes)}
                # The parts are read until the last byte is out.
                body = Stream(_until_closed(stack.pop_all(), package), named)
            return Response(body, 200, headers, content_type="application/zip")

    return blueprint


@contextmanager
def _until_closed(parts: ExitStack, package: EvidencePackage) -> Iterator[Iterator[bytes]]:
    with parts:
        yield package.blocks()


def _headers(name: str) -> dict[str, str]:
    return {
        "Content-Disposition": f'attachment; filename="{name}"',
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "private, no-store",
    }
