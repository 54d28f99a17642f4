"""Retention: schedules, where records stand and why, and what starts their periods."""

from __future__ import annotations

import datetime as dt
from typing import Any
from uuid import UUID

from flask import Response, request
from flask.views import MethodView

from archive_service.api import present_retention as present
from archive_service.api.answers_retention import (
    RetentionSchema,
    ScheduleSchema,
    SchedulesSchema,
    StandingListSchema,
    ToldEventListSchema,
    ToldEventSchema,
)
from archive_service.api.blueprint import Blueprint
from archive_service.api.cursors import given_cursor, not_of_this_list, read_cursor
from archive_service.api.identity import caller
from archive_service.api.requests import ReasonRequest
from archive_service.api.requests_retention import DryRunQuery, EventQuery, EventRequest, StandingQuery
from archive_service.errors import InvalidInput
from archive_service.lifecycle.retention import adopt, tell
from archive_service.lifecycle.retention.explain import explain_record, list_standings
from archive_service.model.archive import Archive
from archive_service.model.identifiers import RecordId, parse_record_id
from archive_service.model.units.retention import StandingSelection
from retention.decide import RetentionState
from retention.schedule import Action
from retention.schedule_file import LARGEST_FILE_BYTES

_TOML = "application/toml"
_FILE = {"requestBody": {"required": True, "content": {"text/plain": {"schema": {"type": "string"}}}}}


def retention_blueprint(archive: Archive) -> Blueprint:
    """Return the endpoints under /retention, but for reports."""
    blueprint = Blueprint("retention", __name__, description="How long records are kept, from when, and why.")
    _schedules(blueprint, archive)
    _records(blueprint, archive)
    _events(blueprint, archive)
    return blueprint


def _schedules(blueprint: Blueprint, archive: Archive) -> None:
    @blueprint.route("/retention/schedules")
    class AdoptedSchedules(MethodView):
        @blueprint.response(200, SchedulesSchema)
        def get(self) -> dict[str, Any]:
            """List what was adopted, which schedule decides today, and how far its run over all records is."""
            return present.schedules_json(adopt.list_schedules(archive, caller()))

        @blueprint.arguments(DryRunQuery, location="query")
        @blueprint.doc(**_FILE)
        @blueprint.response(201, ScheduleSchema, description="Adopted; the same file again is answered the same.")
        @blueprint.alt_response(200, schema=ScheduleSchema, description="Dry run: what adopting it would do.")
        @blueprint.alt_response(409, schema="Problem", description="That version was adopted with other words.")
        def post(self, asked: dict[str, Any]) -> tuple[dict[str, Any], int]:
            """Adopt a schedule: the body is its TOML file. Every problem is told with its line."""
            request.max_content_length = LARGEST_FILE_BYTES
            body = request.get_data()
            if asked["dry_run"]:
                return present.checked_adoption_json(adopt.check_adoption(archive, caller(), body), body), 200
            return present.schedule_json(adopt.adopt_schedule(archive, caller(), body)), 201

    @blueprint.route("/retention/schedules/<int(max=9223372036854775807):number>")
    class AdoptedScheduleFile(MethodView):
        @blueprint.response(200, content_type=_TOML, description="The file, byte for byte as it was adopted.")
        @blueprint.alt_response(404, schema="Problem", description="None was adopted under that number.")
        def get(self, number: int) -> Response:
            """Return the file of an adopted schedule."""
            found = adopt.show_schedule(archive, caller(), number)
            name = f"schedule-{number}.toml"
            return Response(
                found.body,
                content_type=f"{_TOML}; charset=utf-8",
                headers={"Content-Disposition": f'attachment; filename="{name}"', "ETag": f'"{found.sha256}"'},
            )


def _records(blueprint: Blueprint, archive: Archive) -> None:
    @blueprint.route("/retention/records")
    class Standings(MethodView):
        @blueprint.arguments(StandingQuery, location="query")
        @blueprint.response(200, StandingListSchema)
        def get(self, asked: dict[str, Any]) -> dict[str, Any]:
            """List where records stand, by day due; those without a day come last."""
            page = list_standings(archive, caller(), _selection(asked))
            more = None
            if page.after is not None:
                day, record_id = page.after
                more = given_cursor(_of(asked), [None if day is None else day.isoformat(), record_id])
            return {
                "as_of": page.today.isoformat(),
                "records": [present.standing_json(record, standing, page.today) for record, standing in page.rows],
                "next_cursor": more,
            }

    @blueprint.route("/retention/records/<record_id>")
    class OneStanding(MethodView):
        @blueprint.response(200, RetentionSchema)
        @blueprint.alt_response(404, schema="Problem", description="No such record in your offices.")
        @blueprint.alt_response(409, schema="Problem", description="It is not stored: nothing is decided on it.")
        def get(self, record_id: str) -> dict[str, Any]:
            """Say where a record stands today, and why, in both languages."""
            return present.explained_json(explain_record(archive, caller(), parse_record_id(record_id)))


def _of(asked: dict[str, Any]) -> object:
    """Return what a cursor is bound to: the filters, which come again with every page."""
    return "standings", sorted((name, str(value)) for name, value in asked.items() if name not in {"cursor", "limit"})


def _selection(asked: dict[str, Any]) -> StandingSelection:
    return StandingSelection(
        offices=None,
        today=dt.date.min,
        states=frozenset(RetentionState(state) for state in asked["state"]) or None,
        held=asked["held"],
        class_code=asked["class_code"],
        action=None if asked["action"] is None else Action(asked["action"]),
        due_from=asked["due_from"],
        due_to=asked["due_to"],
        after=None if asked["cursor"] is None else _position(asked),
        limit=asked["limit"],
    )


def _position(asked: dict[str, Any]) -> tuple[dt.date | None, RecordId]:
    day, record_id = read_cursor(_of(asked), asked["cursor"], 2)
    try:
        return None if day is None else dt.date.fromisoformat(day), parse_record_id(record_id or "")
    except (ValueError, InvalidInput) as wrong:
        raise not_of_this_list() from wrong


def _events(blueprint: Blueprint, archive: Archive) -> None:
    @blueprint.route("/retention/events")
    class ToldEvents(MethodView):
        @blueprint.arguments(EventQuery, location="query")
        @blueprint.response(200, ToldEventListSchema)
        def get(self, asked: dict[str, Any]) -> dict[str, Any]:
            """List what was told of a record, dossier or subject by your offices, withdrawn events too."""
            told = tell.list_events(archive, caller(), asked["scope"], asked["named"])
            return {"events": [present.told_event_json(event) for event in told]}

        @blueprint.arguments(DryRunQuery, location="query")
        @blueprint.arguments(EventRequest)
        @blueprint.response(201, ToldEventSchema, description="Told; the same event again is answered the same.")
        @blueprint.alt_response(200, schema=ToldEventSchema, description="Dry run: what telling it would do.")
        def post(self, tried: dict[str, Any], said: dict[str, Any]) -> tuple[dict[str, Any], int]:
            """Tell what starts a period: a dossier was closed, a person died, a payment was the last one."""
            happening = tell.Happening(
                caller(), said["scope"], said["named"], said["trigger"], said["happened_on"], said["source"]
            )
            if tried["dry_run"]:
                return present.previewed_event_json(tell.preview_event(archive, happening)), 200
            return present.told_event_json(tell.tell_event(archive, happening)), 201

    @blueprint.route("/retention/events/<uuid:event_id>/withdrawal")
    class EventWithdrawal(MethodView):
        @blueprint.arguments(DryRunQuery, location="query")
        @blueprint.arguments(ReasonRequest)
        @blueprint.response(200, ToldEventSchema)
        @blueprint.alt_response(404, schema="Problem", description="No such event in your offices.")
        @blueprint.alt_response(409, schema="Problem", description="Withdrawn already.")
        def post(self, tried: dict[str, Any], said: dict[str, Any], event_id: UUID) -> dict[str, Any]:
            """Take back what was told wrongly. The lock of what it locked stays."""
            dry_run = tried["dry_run"]
            event = tell.withdraw_event(archive, caller(), str(event_id), said["reason"], dry_run=dry_run)
            return present.told_event_json(event) | ({"dry_run": True} if dry_run else {})
