"""Holds: what must not be let go, whatever its schedule says."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask.views import MethodView

from archive_service.api import present_retention as present
from archive_service.api.answers_retention import HoldListSchema, HoldSchema
from archive_service.api.blueprint import Blueprint
from archive_service.api.cursors import given_cursor, read_cursor
from archive_service.api.identity import caller
from archive_service.api.requests import ReasonRequest
from archive_service.api.requests_retention import DryRunQuery, HoldQuery, HoldRequest, HoldReviewRequest
from archive_service.lifecycle.retention import hold
from archive_service.model.archive import Archive
from archive_service.model.retention import PlacedHold


def holds_blueprint(archive: Archive) -> Blueprint:
    """Return the endpoints under /holds."""
    blueprint = Blueprint("holds", __name__, description="Hold what must not be let go, and lift holds.")
    _all(blueprint, archive)
    _one(blueprint, archive)
    return blueprint


def _all(blueprint: Blueprint, archive: Archive) -> None:
    @blueprint.route("/holds")
    class Holds(MethodView):
        @blueprint.arguments(HoldQuery, location="query")
        @blueprint.response(200, HoldListSchema)
        def get(self, asked: dict[str, Any]) -> dict[str, Any]:
            """List the holds that your offices placed, oldest first."""
            of = ("holds", asked["lifted"])
            [after] = [""] if asked["cursor"] is None else read_cursor(of, asked["cursor"], 1)
            found = hold.list_holds(
                archive, caller(), lifted=asked["lifted"], after=after or "", limit=asked["limit"] + 1
            )
            shown = found[: asked["limit"]]
            more = given_cursor(of, [shown[-1].hold.id]) if len(found) > len(shown) else None
            return {"holds": [present.hold_json(one) for one in shown], "next_cursor": more}

        @blueprint.arguments(DryRunQuery, location="query")
        @blueprint.arguments(HoldRequest)
        @blueprint.response(201, HoldSchema, description="It stands; the same hold again is answered the same.")
        @blueprint.alt_response(200, schema=HoldSchema, description="Dry run: how many records it would hold now.")
        @blueprint.alt_response(404, schema="Problem", description="No such record, subject or office of yours.")
        @blueprint.alt_response(409, schema="Problem", description="Disposed of before: nothing is left to hold.")
        def post(self, tried: dict[str, Any], said: dict[str, Any]) -> tuple[dict[str, Any], int]:
            """Place a hold. It stands once this is answered, and covers what comes later, too."""
            order = hold.HoldOrder(
                caller(),
                said["scope"],
                said["named"],
                said["owner"],
                said["reason"],
                said["legal_reference"],
                said["review_on"],
                said["condition"],
            )
            if tried["dry_run"]:
                return present.previewed_hold_json(hold.preview_hold(archive, order)), 200
            return present.hold_json(hold.place_hold(archive, order)), 201


def _one(blueprint: Blueprint, archive: Archive) -> None:
    @blueprint.route("/holds/<uuid:hold_id>")
    class OneHold(MethodView):
        @blueprint.response(200, HoldSchema)
        @blueprint.alt_response(404, schema="Problem", description="No such hold in your offices.")
        def get(self, hold_id: UUID) -> dict[str, Any]:
            """Show a hold, lifted or not."""
            return present.hold_json(hold.show_hold(archive, caller(), str(hold_id)))

    @blueprint.route("/holds/<uuid:hold_id>/lifting")
    class HoldLifting(MethodView):
        @blueprint.arguments(DryRunQuery, location="query")
        @blueprint.arguments(ReasonRequest)
        @blueprint.response(200, HoldSchema)
        @blueprint.alt_response(409, schema="Problem", description="Lifted already.")
        def post(self, tried: dict[str, Any], said: dict[str, Any], hold_id: UUID) -> dict[str, Any]:
            """End a hold. What it held is as its schedule says."""
            dry_run = tried["dry_run"]
            lifted = hold.lift_hold(archive, caller(), str(hold_id), said["reason"], dry_run=dry_run)
            return _told(lifted, dry_run=dry_run)

    @blueprint.route("/holds/<uuid:hold_id>/review")
    class HoldReview(MethodView):
        @blueprint.arguments(DryRunQuery, location="query")
        @blueprint.arguments(HoldReviewRequest)
        @blueprint.response(200, HoldSchema)
        @blueprint.alt_response(409, schema="Problem", description="Lifted already.")
        def post(self, tried: dict[str, Any], said: dict[str, Any], hold_id: UUID) -> dict[str, Any]:
            """Say that the hold was looked at, why it goes on, and when it is looked at next."""
            dry_run = tried["dry_run"]
            reviewed = hold.review_hold(
                archive, caller(), str(hold_id), said["review_on"], said["reason"], dry_run=dry_run
            )
            return _told(reviewed, dry_run=dry_run)


def _told(placed: PlacedHold, *, dry_run: bool) -> dict[str, Any]:
    return present.hold_json(placed) | ({"dry_run": True} if dry_run else {})
