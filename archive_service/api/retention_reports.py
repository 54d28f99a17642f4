"""Reports on retention: what is due, becomes due, is held, which holds nobody has looked at, what was let go."""

from __future__ import annotations

from typing import Any

from flask import Response, jsonify
from flask.views import MethodView

from archive_service.api import present_reports as present
from archive_service.api.answers_retention import ReportSchema
from archive_service.api.blueprint import Blueprint
from archive_service.api.identity import caller
from archive_service.api.requests_retention import ReportQuery
from archive_service.lifecycle.disposal.report import report_disposals
from archive_service.lifecycle.retention import report
from archive_service.model.archive import Archive

_FORMS = "`format=csv`: UTF-8 with a byte order mark, titles in Vietnamese and English; `format=svg`: a bar chart."
# A picture loads nothing and runs nothing, also where it is opened by itself.
_PICTURE = "default-src 'none'; style-src 'unsafe-inline'; sandbox"


def retention_reports_blueprint(archive: Archive) -> Blueprint:
    """Return the endpoints under /retention/reports: one for each report."""
    blueprint = Blueprint("retention-reports", __name__, description="Counts for those who plan; no subject in them.")

    @blueprint.route("/retention/reports/due")
    class Due(MethodView):
        @blueprint.arguments(ReportQuery, location="query")
        @blueprint.response(200, ReportSchema, description=_FORMS)
        def get(self, asked: dict[str, Any]) -> Response:
            """Count what is due, and becomes due within a year, by month and class."""
            return _answer(present.due_report(report.report_due(archive, caller())), asked["format"])

    @blueprint.route("/retention/reports/forecast")
    class Forecast(MethodView):
        @blueprint.arguments(ReportQuery, location="query")
        @blueprint.response(200, ReportSchema, description=_FORMS)
        def get(self, asked: dict[str, Any]) -> Response:
            """Count the bytes that become due by year and class, and what remains kept."""
            return _answer(present.forecast_report(report.report_forecast(archive, caller())), asked["format"])

    @blueprint.route("/retention/reports/held")
    class Held(MethodView):
        @blueprint.arguments(ReportQuery, location="query")
        @blueprint.response(200, ReportSchema, description=_FORMS)
        def get(self, asked: dict[str, Any]) -> Response:
            """Count held records by owner and scope of the holds."""
            return _answer(present.held_report(report.report_held(archive, caller())), asked["format"])

    @blueprint.route("/retention/reports/reviews")
    class Reviews(MethodView):
        @blueprint.arguments(ReportQuery, location="query")
        @blueprint.response(200, ReportSchema, description=_FORMS)
        def get(self, asked: dict[str, Any]) -> Response:
            """List the holds whose review is overdue."""
            return _answer(present.reviews_report(report.report_reviews(archive, caller())), asked["format"])

    @blueprint.route("/retention/reports/disposals")
    class Disposals(MethodView):
        @blueprint.arguments(ReportQuery, location="query")
        @blueprint.response(200, ReportSchema, description=_FORMS)
        def get(self, asked: dict[str, Any]) -> Response:
            """Count by month what disposals that have ended let go, kept, and left out."""
            return _answer(present.disposals_report(report_disposals(archive, caller())), asked["format"])

    return blueprint


def _answer(made: present.Report, form: str) -> Response:
    stem = f"{made.name}-{made.as_of.isoformat()}"
    match form:
        case "csv":
            headers = {"Content-Disposition": f'attachment; filename="{stem}.csv"'}
            return Response(present.report_csv(made), content_type="text/csv; charset=utf-8", headers=headers)
        case "svg":
            headers = {"Content-Disposition": f'inline; filename="{stem}.svg"', "Content-Security-Policy": _PICTURE}
            return Response(present.report_svg(made), content_type="image/svg+xml", headers=headers)
    return jsonify(present.report_json(made))
