"""The log as auditors and depositors follow it: checkpoints, tiles, proofs, receipts, cosignatures.

Texts and bytes are those of the C2SP specifications, so that other people's tools can read them.
"""

from __future__ import annotations

from typing import Any

from flask import Response, request
from flask.views import MethodView

from archive_service.api import present
from archive_service.api.answers import ConsistencySchema, CosignedSchema, LogKeysSchema
from archive_service.api.blueprint import Blueprint
from archive_service.api.identity import caller
from archive_service.api.requests import ConsistencyQuery, ProofQuery
from archive_service.lifecycle.log import follow as follow_log
from archive_service.lifecycle.log.cosign import keep_cosignatures
from archive_service.model.archive import Archive
from archive_service.model.identifiers import parse_record_id
from archive_verify.encoding import encode_base64

_TEXT = "text/plain; charset=utf-8"
_BYTES = "application/octet-stream"
_NOTE = {"requestBody": {"required": True, "content": {"text/plain": {"schema": {"type": "string"}}}}}


def log_blueprint(archive: Archive) -> Blueprint:
    """Return the endpoints under /log, and a record's receipt and proof."""
    blueprint = Blueprint("log", __name__, description="Follow the log, and prove what is in it.")
    _follow(blueprint, archive)
    _of_records(blueprint, archive)
    return blueprint


def _follow(blueprint: Blueprint, archive: Archive) -> None:
    @blueprint.route("/log/checkpoint")
    class Checkpoint(MethodView):
        @blueprint.doc(security=[])
        @blueprint.response(200, content_type="text/plain", description="A signed note (C2SP tlog-checkpoint).")
        @blueprint.alt_response(404, schema="Problem", description="None has been published yet.")
        def get(self) -> Response:
            """Return the newest published checkpoint with its cosignatures. Needs no key."""
            return Response(follow_log.checkpoint(archive), content_type=_TEXT)

    @blueprint.route("/log/tile/<path:address>")
    class Tile(MethodView):
        @blueprint.response(200, content_type=_BYTES, description="Hashes, or entries (C2SP tlog-tiles).")
        @blueprint.alt_response(404, schema="Problem", description="Not in the newest checkpoint.")
        def get(self, address: str) -> Response:
            """Return a tile of the tree (LEVEL/N), or a bundle of entries (entries/N)."""
            tile = follow_log.tile(archive, caller(), address)
            # What a checkpoint covers never changes.
            return Response(
                tile, content_type=_BYTES, headers={"Cache-Control": "private, max-age=31536000, immutable"}
            )

    @blueprint.route("/log/consistency")
    class Consistency(MethodView):
        @blueprint.arguments(ConsistencyQuery, location="query")
        @blueprint.response(200, ConsistencySchema)
        def get(self, asked: dict[str, Any]) -> dict[str, Any]:
            """Prove that the log of ``to`` entries extends that of ``from`` (RFC 6962 §2.1.2)."""
            hashes = follow_log.consistency(archive, caller(), asked["from_"], asked["to"])
            return {"from": asked["from_"], "to": asked["to"], "proof": [encode_base64(one) for one in hashes]}

    @blueprint.route("/log/keys")
    class Keys(MethodView):
        @blueprint.response(200, LogKeysSchema)
        def get(self) -> dict[str, Any]:
            """List every key that signs the log, or has signed it. Compare them with what you were given by hand."""
            return {"keys": [present.log_key_json(key) for key in follow_log.keys(archive, caller())]}

    @blueprint.route("/log/cosignatures")
    class Cosignatures(MethodView):
        @blueprint.doc(**_NOTE)
        @blueprint.response(200, CosignedSchema)
        @blueprint.alt_response(400, schema="Problem", description="Not of a published checkpoint, or does not fit.")
        def post(self) -> dict[str, Any]:
            """Hand in the checkpoint with your signature lines (C2SP tlog-cosignature)."""
            return {"witnesses": list(keep_cosignatures(archive, caller(), request.get_data()))}


def _of_records(blueprint: Blueprint, archive: Archive) -> None:
    @blueprint.route("/records/<record_id>/receipt")
    class Receipt(MethodView):
        @blueprint.response(200, content_type="text/plain", description="A signed note.")
        @blueprint.alt_response(404, schema="Problem", description="No such record, or no deposit in the log.")
        def get(self, record_id: str) -> Response:
            """Return the receipt that the deposit was answered with."""
            return Response(follow_log.receipt(archive, caller(), parse_record_id(record_id)), content_type=_TEXT)

    @blueprint.route("/records/<record_id>/proof")
    class Proof(MethodView):
        @blueprint.arguments(ProofQuery, location="query")
        @blueprint.response(200, content_type="text/plain", description="C2SP tlog-proof.")
        @blueprint.alt_response(409, schema="Problem", description="Not in a checkpoint yet: ask again later.")
        def get(self, asked: dict[str, Any], record_id: str) -> Response:
            """Prove that the record's deposit, or its entry of ``index``, is in the log; checked offline."""
            made = follow_log.proof(archive, caller(), parse_record_id(record_id), asked["index"])
            return Response(made, content_type=_TEXT)
