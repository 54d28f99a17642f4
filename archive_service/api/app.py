"""The Flask application: identity first, then one blueprint a subject, every error a problem document."""

from __future__ import annotations

import re
import time
import uuid

import structlog
from flask import Flask, Response, g, request
from flask_smorest import Api

from archive_service import __version__
from archive_service.api import identity, problems
from archive_service.api.answers import ProblemSchema
from archive_service.api.disposals import disposals_blueprint
from archive_service.api.documentation import documentation_blueprint
from archive_service.api.evidence import evidence_blueprint
from archive_service.api.holds import holds_blueprint
from archive_service.api.log import log_blueprint
from archive_service.api.operations import health_blueprint, install_metrics, method_of, metrics_blueprint
from archive_service.api.records import records_blueprint
from archive_service.api.renditions import renditions_blueprint
from archive_service.api.retention import retention_blueprint
from archive_service.api.retention_reports import retention_reports_blueprint
from archive_service.api.review import review_blueprint
from archive_service.api.search import search_blueprint
from archive_service.api.uploads import UploadsInProgress
from archive_service.api.verifications import verifications_blueprint
from archive_service.model.archive import Archive

log = structlog.get_logger("api")

_REQUEST_ID = re.compile(r"[A-Za-z0-9-]{1,64}")

# JSON bodies; deposits are read by api/upload under their own limits.
_LARGEST_JSON_BYTES = 1024 * 1024


def create_app(archive: Archive, *, max_metadata_bytes: int = 262_144, web_threads: int = 16) -> Flask:
    """Return the application over an open archive, for a server that answers so many requests at the same time."""
    app = Flask("archive_service.api", static_folder=None)
    app.config.update(
        MAX_CONTENT_LENGTH=_LARGEST_JSON_BYTES,
        API_TITLE="archive-service",
        API_VERSION=__version__,
        OPENAPI_VERSION="3.1.0",
        OPENAPI_URL_PREFIX=None,
        API_SPEC_OPTIONS={
            "info": {"description": "Deposit, find, read and verify results of administrative procedures."},
            "security": [{"key": []}],
        },
    )
    metrics = install_metrics(app)
    _number_requests(app)
    identity.install(app, archive)
    api = Api(app)
    # After the library, which answers Flask's own errors in a form of its own.
    problems.install(app)
    api.spec.components.security_scheme("key", {"type": "http", "scheme": "bearer"})
    api.spec.components.schema("Problem", schema=ProblemSchema)
    for blueprint in (
        records_blueprint(archive, max_metadata_bytes, UploadsInProgress(web_threads)),
        renditions_blueprint(archive),
        search_blueprint(archive),
        review_blueprint(archive),
        retention_blueprint(archive),
        retention_reports_blueprint(archive),
        holds_blueprint(archive),
        disposals_blueprint(archive),
        verifications_blueprint(archive),
        log_blueprint(archive),
        evidence_blueprint(archive),
    ):
        api.register_blueprint(blueprint, url_prefix="/api/v1")
    app.register_blueprint(documentation_blueprint(api), url_prefix="/api/v1")
    app.register_blueprint(health_blueprint(archive))
    app.register_blueprint(metrics_blueprint(archive, metrics))
    return app


def _number_requests(app: Flask) -> None:
    """Give every request an id, return it, and log one line for it: pattern, status, time, caller; no addresses."""

    @app.before_request
    def number() -> None:
        given = request.headers.get("X-Request-ID", "")
        g.request_id = given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
        g.began_at = time.monotonic()
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=g.request_id)

    @app.after_request
    def tell(answer: Response) -> Response:
        answer.headers["X-Request-ID"] = g.get("request_id", "")
        answer.headers.setdefault("Cache-Control", "no-store")
        answer.headers.setdefault("X-Content-Type-Options", "nosniff")
        who = g.get("caller")
        log.info(
            "request",
            method=method_of(request),
            route=str(request.url_rule) if request.url_rule else None,
            status=answer.status_code,
            milliseconds=round((time.monotonic() - g.get("began_at", time.monotonic())) * 1000, 1),
            caller=who.id if who else None,
        )
        return answer
