"""Disposals: due records proposed, voted on, approved by another person, handed over, and certified."""

from __future__ import annotations

import base64
import dataclasses
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

from flask import Response, request
from flask.views import MethodView
from werkzeug.exceptions import MethodNotAllowed

from archive_service.api import present_disposals as present
from archive_service.api.answers_disposals import (
    DisposalListSchema,
    DisposalRecordListSchema,
    DisposalRecordSchema,
    DisposalSchema,
)
from archive_service.api.blueprint import Blueprint
from archive_service.api.content import Stream
from archive_service.api.cursors import given_cursor, read_cursor
from archive_service.api.identity import caller
from archive_service.api.requests_disposals import (
    CertificateQuery,
    DisposalQuery,
    DisposalRecordsQuery,
    DisposalRequest,
    ExceptionRequest,
    ReceiptRequest,
    VoteRequest,
)
from archive_service.api.requests_retention import DryRunQuery
from archive_service.evidence.package import EvidencePackage
from archive_service.lifecycle.disposal import read
from archive_service.lifecycle.disposal.approve import approve
from archive_service.lifecycle.disposal.give_out import disposal_package
from archive_service.lifecycle.disposal.propose import ProposalRequest, Selection, preview, propose
from archive_service.lifecycle.disposal.take_out import take_out
from archive_service.lifecycle.disposal.transfer import export_item, keep_receipt
from archive_service.lifecycle.disposal.vote import vote
from archive_service.model.archive import Archive
from archive_service.model.disposals import Disposal, ItemState, Receipt
from archive_service.model.identifiers import parse_record_id
from archive_service.model.units.disposals import DisposalSelection, ItemSelection
from retention.disposal import ProposalState, Vote
from retention.schedule import Action

_ONE = "/disposals/<uuid:disposal_id>"
_ZIP = "application/zip"
_BLOCK_BYTES = 1 << 20


def disposals_blueprint(archive: Archive) -> Blueprint:
    """Return the endpoints under /disposals."""
    blueprint = Blueprint("disposals", __name__, description="Let records go that are due: decided by several people.")
    _all(blueprint, archive)
    _one(blueprint, archive)
    _decisions(blueprint, archive)
    _transfer(blueprint, archive)
    _proofs(blueprint, archive)
    return blueprint


def _all(blueprint: Blueprint, archive: Archive) -> None:
    @blueprint.route("/disposals")
    class Disposals(MethodView):
        @blueprint.arguments(DisposalQuery, location="query")
        @blueprint.response(200, DisposalListSchema)
        def get(self, asked: dict[str, Any]) -> dict[str, Any]:
            """List the proposals of your offices, oldest first."""
            of = ("disposals", sorted(asked["state"]))
            [after] = [""] if asked["cursor"] is None else read_cursor(of, asked["cursor"], 1)
            states = frozenset(ProposalState(state) for state in asked["state"]) or None
            wanted = DisposalSelection(None, states, after or "", asked["limit"] + 1)
            found = read.list_disposals(archive, caller(), wanted)
            page = found[: asked["limit"]]
            more = given_cursor(of, [page[-1].disposal.id]) if len(found) > len(page) else None
            return {"disposals": [present.disposal_json(one) for one in page], "next_cursor": more}

        @blueprint.arguments(DryRunQuery, location="query")
        @blueprint.arguments(DisposalRequest)
        @blueprint.response(201, DisposalSchema, description="Proposed: its council votes on it from now on.")
        @blueprint.alt_response(200, schema=DisposalSchema, description="Dry run: what would be listed, by class.")
        @blueprint.alt_response(403, schema="Problem", description="You are in the council yourself.")
        @blueprint.alt_response(409, schema="Problem", description="Nothing is due that is not proposed already.")
        def post(self, tried: dict[str, Any], said: dict[str, Any]) -> tuple[dict[str, Any], int]:
            """Propose what is due in your offices to a council: the earliest due, ten thousand records at most."""
            selection = Selection(Action(said["action"]), said["class_code"], said["due_to"])
            order = ProposalRequest(caller(), said["title"], selection, frozenset(said["council"]))
            if tried["dry_run"]:
                return present.previewed_proposal_json(order, preview(archive, order)), 200
            proposed = propose(archive, order)
            return _told(archive, proposed.disposal) | {"left_over": proposed.left_over}, 201


def _one(blueprint: Blueprint, archive: Archive) -> None:
    @blueprint.route(_ONE)
    class OneDisposal(MethodView):
        @blueprint.response(200, DisposalSchema)
        @blueprint.alt_response(404, schema="Problem", description="No such proposal in your offices.")
        def get(self, disposal_id: UUID) -> dict[str, Any]:
            """Show a proposal: who decided what, what became of its records, and its certificate's digests."""
            return present.disposal_json(read.show_disposal(archive, caller(), str(disposal_id)))

    @blueprint.route(f"{_ONE}/records")
    class DisposalRecords(MethodView):
        @blueprint.arguments(DisposalRecordsQuery, location="query")
        @blueprint.response(200, DisposalRecordListSchema)
        def get(self, asked: dict[str, Any], disposal_id: UUID) -> dict[str, Any]:
            """List a proposal's records and what became of each, in order of id."""
            of = ("disposal-records", str(disposal_id), sorted(asked["state"]))
            [after] = [""] if asked["cursor"] is None else read_cursor(of, asked["cursor"], 1)
            states = frozenset(ItemState(state) for state in asked["state"]) or None
            wanted = ItemSelection(str(disposal_id), states, after or "", asked["limit"] + 1)
            found = read.list_items(archive, caller(), wanted)
            page = found[: asked["limit"]]
            more = given_cursor(of, [page[-1].item.record_id]) if len(found) > len(page) else None
            return {"records": [present.listed_json(one) for one in page], "next_cursor": more}


def _decisions(blueprint: Blueprint, archive: Archive) -> None:
    @blueprint.route(f"{_ONE}/exceptions")
    class Exceptions(MethodView):
        @blueprint.arguments(DryRunQuery, location="query")
        @blueprint.arguments(ExceptionRequest)
        @blueprint.response(200, DisposalRecordSchema)
        @blueprint.alt_response(403, schema="Problem", description="Neither the proposer nor a member of the council.")
        @blueprint.alt_response(409, schema="Problem", description="Decided already, or taken out already.")
        def post(self, tried: dict[str, Any], said: dict[str, Any], disposal_id: UUID) -> dict[str, Any]:
            """Take a record out of an open proposal, with a reason."""
            dry_run = tried["dry_run"]
            item = take_out(archive, caller(), str(disposal_id), said["record_id"], said["reason"], dry_run=dry_run)
            return present.item_json(item) | _tried(dry_run)

    @blueprint.route(f"{_ONE}/votes")
    class Votes(MethodView):
        @blueprint.arguments(DryRunQuery, location="query")
        @blueprint.arguments(VoteRequest)
        @blueprint.response(200, DisposalSchema)
        @blueprint.alt_response(403, schema="Problem", description="Not a member of its council.")
        @blueprint.alt_response(409, schema="Problem", description="Decided already, or voted already.")
        def post(self, tried: dict[str, Any], said: dict[str, Any], disposal_id: UUID) -> dict[str, Any]:
            """Vote, as a member of its council, once. Whoever refuses says why, and ends the proposal."""
            dry_run = tried["dry_run"]
            voted = vote(archive, caller(), str(disposal_id), Vote(said["vote"]), said["reason"] or "", dry_run=dry_run)
            return _told(archive, voted) | _tried(dry_run)

    @blueprint.route(f"{_ONE}/approval")
    class Approval(MethodView):
        @blueprint.arguments(DryRunQuery, location="query")
        @blueprint.response(200, DisposalSchema)
        @blueprint.alt_response(403, schema="Problem", description="You proposed it, or are in its council.")
        @blueprint.alt_response(409, schema="Problem", description="The council has not agreed, or approved already.")
        def post(self, tried: dict[str, Any], disposal_id: UUID) -> dict[str, Any]:
            """Approve what the whole council agreed to. The workers begin, or wait for a receiver's receipt."""
            dry_run = tried["dry_run"]
            return _told(archive, approve(archive, caller(), str(disposal_id), dry_run=dry_run)) | _tried(dry_run)


def _transfer(blueprint: Blueprint, archive: Archive) -> None:
    @blueprint.route(f"{_ONE}/records/<record_id>/package")
    class TransferPackage(MethodView):
        @blueprint.response(200, content_type=_ZIP, description="The record's evidence package, for the receiver.")
        @blueprint.alt_response(404, schema="Problem", description="The proposal does not list such a record.")
        @blueprint.alt_response(409, schema="Problem", description="Not approved, no transfer, or received already.")
        def get(self, disposal_id: UUID, record_id: str) -> Response:
            """Download what is handed over of a record; its SHA-256 comes in a header and is kept in the proposal."""
            if request.method == "HEAD":
                # A package counts as given out once it is asked for: its headers alone are none.
                raise MethodNotAllowed(["GET"])
            named = parse_record_id(record_id)
            with ExitStack() as stack:
                package = stack.enter_context(export_item(archive, caller(), str(disposal_id), named))
                digest = package.digest
                headers = _headers(f"{named}.zip", digest.size_bytes) | _digest_headers(digest.sha256)
                body = Stream(_file(stack.pop_all(), package.path), named)
            return Response(body, 200, headers, content_type=_ZIP)

    @blueprint.route(f"{_ONE}/receipt")
    class TransferReceipt(MethodView):
        @blueprint.arguments(DryRunQuery, location="query")
        @blueprint.arguments(ReceiptRequest)
        @blueprint.response(200, DisposalSchema)
        @blueprint.alt_response(409, schema="Problem", description="Packages were not given out, or received already.")
        def post(self, tried: dict[str, Any], receipt: Receipt, disposal_id: UUID) -> dict[str, Any]:
            """Keep the receiver's receipt of a transfer. From now on the records may go here."""
            dry_run = tried["dry_run"]
            received = keep_receipt(archive, caller(), str(disposal_id), receipt, dry_run=dry_run)
            return _told(archive, received) | _tried(dry_run)


def _proofs(blueprint: Blueprint, archive: Archive) -> None:
    @blueprint.route(f"{_ONE}/certificate")
    class Certificate(MethodView):
        @blueprint.arguments(CertificateQuery, location="query")
        @blueprint.response(200, content_type="application/json", description="Canonical JSON, or the sealed paper.")
        @blueprint.alt_response(404, schema="Problem", description="No such proposal, or nobody could seal a paper.")
        @blueprint.alt_response(409, schema="Problem", description="Not every record is done yet.")
        def get(self, asked: dict[str, Any], disposal_id: UUID) -> Response:
            """Download the certificate byte for byte: as data, or with format=pdf as a sealed paper."""
            form = asked["format"]
            with ExitStack() as stack:
                opened = stack.enter_context(
                    read.open_certificate(archive, caller(), str(disposal_id), printed=form == "pdf")
                )
                name = f"certificate-{disposal_id}.{form}"
                headers = _headers(name, opened.digest.size_bytes) | _digest_headers(opened.digest.sha256)
                body = Stream(_blocks(stack.pop_all(), opened.blocks), str(disposal_id))
            return Response(body, 200, headers, content_type=f"application/{form}")

    @blueprint.route(f"{_ONE}/evidence")
    class DisposalEvidence(MethodView):
        @blueprint.response(200, content_type=_ZIP, description="An evidence package: archive-verify FILE.")
        @blueprint.alt_response(404, schema="Problem", description="No certificate of such a disposal in your offices.")
        @blueprint.alt_response(409, schema="Problem", description="Not in a published checkpoint yet.")
        def get(self, disposal_id: UUID) -> Response:
            """Download everything that proves who decided what and what went: for auditors and records managers."""
            with ExitStack() as stack:
                package = stack.enter_context(disposal_package(archive, caller(), str(disposal_id)))
                headers = _headers(f"disposal-{disposal_id}.zip", package.size_bytes)
                body = Stream(_package(stack.pop_all(), package), str(disposal_id))
            return Response(body, 200, headers, content_type=_ZIP)


def _told(archive: Archive, disposal: Disposal) -> dict[str, Any]:
    """Return the proposal as it is now, or would be, with what became of its records."""
    shown = read.show_disposal(archive, caller(), disposal.id)
    return present.disposal_json(dataclasses.replace(shown, disposal=disposal))


def _tried(dry_run: bool) -> dict[str, bool]:
    return {"dry_run": True} if dry_run else {}


@contextmanager
def _file(opened: ExitStack, path: Path) -> Iterator[Iterator[bytes]]:
    with opened, path.open("rb") as file:
        yield iter(partial(file.read, _BLOCK_BYTES), b"")


@contextmanager
def _blocks(opened: ExitStack, blocks: Iterator[bytes]) -> Iterator[Iterator[bytes]]:
    with opened:
        yield blocks


@contextmanager
def _package(opened: ExitStack, package: EvidencePackage) -> Iterator[Iterator[bytes]]:
    with opened:
        yield package.blocks()


def _headers(name: str, size_bytes: int) -> dict[str, str]:
    return {
        "Content-Disposition": f'attachment; filename="{name}"',
        "Content-Length": str(size_bytes),
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "private, no-store",
    }


def _digest_headers(sha256: str) -> dict[str, str]:
    """Return what names the bytes: ETag, and Repr-Digest (RFC 9530)."""
    return {"ETag": f'"{sha256}"', "Repr-Digest": f"sha-256=:{base64.b64encode(bytes.fromhex(sha256)).decode()}:"}
