"""Search, and a subject's page."""

from __future__ import annotations

from typing import Any

from flask.views import MethodView

from archive_service.api import present
from archive_service.api.answers import MergeSchema, SearchAnswerSchema, SubjectPageSchema, SubjectSchema
from archive_service.api.blueprint import Blueprint
from archive_service.api.identity import caller
from archive_service.api.requests import IdentificationRequest, MergeRequest, ReasonRequest, SearchArguments
from archive_service.errors import FieldProblem, InvalidInput, Message
from archive_service.lifecycle.find import Search, find
from archive_service.lifecycle.read import show_subject
from archive_service.lifecycle.subjects import identify_subject, merge_subjects, unmerge_subjects
from archive_service.model.archive import Archive
from archive_service.model.identifiers import Identifier, OfficeCode, ResultTypeCode, parse_identifier
from archive_service.model.query import Facet, Sort
from archive_service.model.record import RecordState, Trust
from archive_service.model.subject import DatedIdentifier


def search_blueprint(archive: Archive) -> Blueprint:
    """Return the endpoints /search and /subjects."""
    blueprint = Blueprint("search", __name__, description="Find results by words, and everything of one subject.")

    @blueprint.route("/search")
    class SearchRecords(MethodView):
        @blueprint.arguments(SearchArguments, location="query")
        @blueprint.response(200, SearchAnswerSchema)
        @blueprint.alt_response(503, schema="Problem", description="The index is down; nothing is lost.")
        def get(self, asked: dict[str, Any]) -> dict[str, Any]:
            """Find records: words, "phrases", -word to exclude; with or without tone marks."""
            return present.found_json(find(archive, caller(), _search(asked)))

    @blueprint.route("/subjects/<scheme>/<number>")
    class Subject(MethodView):
        @blueprint.response(200, SubjectPageSchema)
        @blueprint.alt_response(404, schema="Problem", description="Nothing of that subject in your offices.")
        def get(self, scheme: str, number: str) -> dict[str, Any]:
            """Show every result of a subject over all its identifiers, in time order."""
            page = show_subject(archive, caller(), parse_identifier(scheme, number))
            return present.subject_page_json(page)

    @blueprint.route("/subjects/identifiers")
    class SubjectIdentifiers(MethodView):
        @blueprint.arguments(IdentificationRequest)
        @blueprint.response(200, SubjectSchema)
        @blueprint.alt_response(409, schema="Problem", description="The number is another subject's.")
        def post(self, asked: dict[str, Any]) -> dict[str, Any]:
            """Give a subject another number, or other days of validity for one it has."""
            added = DatedIdentifier(asked["added"], asked["valid_from"], asked["valid_to"])
            subject = identify_subject(archive, caller(), asked["known"], added, asked["reason"])
            return present.subject_json(subject, subject.identifiers, ())

    @blueprint.route("/subjects/merges")
    class Merges(MethodView):
        @blueprint.arguments(MergeRequest)
        @blueprint.response(201, MergeSchema)
        def post(self, asked: dict[str, Any]) -> dict[str, Any]:
            """Let one subject stand for another: they are one person or employer."""
            merge = merge_subjects(archive, caller(), asked["kept"], asked["merged"], asked["reason"])
            return present.merge_json(merge)

    @blueprint.route("/subjects/merges/<int(max=9223372036854775807):merge_id>/undoing")
    class MergeUndoing(MethodView):
        @blueprint.arguments(ReasonRequest)
        @blueprint.response(200, MergeSchema)
        def post(self, asked: dict[str, Any], merge_id: int) -> dict[str, Any]:
            """Undo a merge; it stays in the history."""
            return present.merge_json(unmerge_subjects(archive, caller(), merge_id, asked["reason"]))

    return blueprint


def _search(asked: dict[str, Any]) -> Search:
    return Search(
        text=asked["q"],
        office=OfficeCode(asked["office"]) if asked["office"] else None,
        result_types=frozenset(ResultTypeCode(code) for code in asked["result_type"]),
        subject=_subject(asked["scheme"], asked["number"]),
        dossier_code=asked["dossier"],
        issued_from=asked["issued_from"],
        issued_to=asked["issued_to"],
        stored_from=asked["stored_from"],
        stored_to=asked["stored_to"],
        trusts=frozenset(Trust(trust) for trust in asked["trust"]),
        states=frozenset(RecordState(state) for state in asked["state"] or [RecordState.STORED]),
        sort=Sort(asked["sort"]) if asked["sort"] else None,
        size=asked["size"],
        cursor=asked["cursor"],
        facets=tuple(Facet(facet) for facet in dict.fromkeys(asked["facet"])),
    )


def _subject(scheme: str | None, number: str | None) -> Identifier | None:
    if scheme is None and number is None:
        return None
    if scheme is None or number is None:
        missing = "scheme" if scheme is None else "number"
        both = Message("Give scheme and number together.", "Cần cung cấp cả scheme và number.")
        raise InvalidInput(both, problems=(FieldProblem(missing, both),))
    return parse_identifier(scheme, number)
