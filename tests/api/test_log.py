"""The log over HTTP: what a depositor, an auditor and a witness are given, checked with the auditors' own checker."""

from __future__ import annotations

import base64
import hashlib
import json

import pytest

from archive_service.evidence.tiles import TileAddress, parse_entry_bundle
from archive_service.lifecycle.log.seal import seal_log
from archive_service.model.permissions import Role
from archive_verify.checkpoint import Checkpoint, parse_checkpoint
from archive_verify.consistency import parse_consistency, require_extends
from archive_verify.errors import Refused
from archive_verify.merkle import leaf_hash, root_of
from archive_verify.notes import parse_note, signers, verified_signatures
from archive_verify.proof import parse_proof, require_logged
from tests.api.problems import assert_problem
from tests.api.service import ApiCaller, Service, a_pdf, metadata, person
from tests.fakes.log_signer import signer
from tests.fakes.witness import SECONDS, WITNESS, WITNESS_KEY, cosigned

KEYS = signer().verifier_keys


@pytest.fixture
def auditor(service: Service) -> ApiCaller:
    return service.caller(Role.AUDITOR)


def checkpoint(service: Service) -> Checkpoint:
    answer = service.nobody().get("/api/v1/log/checkpoint")
    assert answer.status_code == 200, answer.text
    assert answer.content_type == "text/plain; charset=utf-8"
    note = parse_note(answer.data)
    assert signers(note, KEYS) == KEYS
    return parse_checkpoint(note.text)


def entry_of(receipt: str) -> tuple[int, bytes]:
    values = json.loads(receipt.split("\n")[1])
    return values["index"], base64.b64decode(values["entry"])


def test_the_receipt_of_a_deposit_is_signed_and_the_same_at_every_time(service: Service, depositor: ApiCaller) -> None:
    first = depositor.deposit(a_pdf("x"), key="key-7").get_json()
    service.clock.forward(days=3)
    again = depositor.deposit(a_pdf("x"), key="key-7").get_json()
    asked = depositor.get(f"/api/v1/records/{first['id']}/receipt")
    assert first["receipt"] == again["receipt"] == asked.text
    note = parse_note(asked.data)
    assert signers(note, KEYS) == KEYS[:1]
    header, values, end = note.text.split("\n")
    assert (header, end) == ("archive-service/receipt/v1", "")
    assert json.loads(values)["sha256"] == first["content"]["sha256"]
    assert json.loads(values)["idempotency_key_sha256"] == hashlib.sha256(b"key-7").hexdigest()
    assert json.loads(values)["record"] == first["id"]


def test_a_deposit_is_proven_offline_once_it_is_in_a_checkpoint(service: Service, depositor: ApiCaller) -> None:
    record = depositor.deposit().get_json()
    early = assert_problem(depositor.get(f"/api/v1/records/{record['id']}/proof"), 409, "not-yet-in-checkpoint")
    assert early["retry_after_seconds"] == 60
    assert depositor.get(f"/api/v1/records/{record['id']}/proof").headers["Retry-After"] == "60"
    seal_log(service.archive)
    proof = parse_proof(depositor.get(f"/api/v1/records/{record['id']}/proof").data)
    index, entry = entry_of(record["receipt"])
    assert proof.index == index
    assert require_logged(entry, proof, KEYS)[0] == checkpoint(service)


def test_every_event_of_a_record_can_be_proven(service: Service, depositor: ApiCaller, auditor: ApiCaller) -> None:
    record = depositor.deposit().get_json()
    for _ in range(3):
        depositor.get(f"/api/v1/records/{record['id']}")
    seal_log(service.archive)
    events = auditor.get(f"/api/v1/records/{record['id']}/events").get_json()["events"]
    assert len(events) == 4
    for event in events:
        proof = parse_proof(auditor.get(f"/api/v1/records/{record['id']}/proof?index={event['index']}").data)
        require_logged(event["entry"].encode(), proof, KEYS)


def test_the_proof_of_another_record_proves_nothing(service: Service, depositor: ApiCaller) -> None:
    one = depositor.deposit(a_pdf("1"), key="1").get_json()
    other = depositor.deposit(a_pdf("2"), metadata(subject=person("9876543210")), key="2").get_json()
    seal_log(service.archive)
    proof = parse_proof(depositor.get(f"/api/v1/records/{other['id']}/proof").data)
    with pytest.raises(Refused):
        require_logged(entry_of(one["receipt"])[1], proof, KEYS)
    index = entry_of(other["receipt"])[0]
    told = assert_problem(depositor.get(f"/api/v1/records/{one['id']}/proof?index={index}"), 404, "not-found")
    assert "Take an index from" in told["detail"]


def test_a_monitor_rebuilds_the_tree_from_entries_and_from_tiles(service: Service, auditor: ApiCaller) -> None:
    for number in range(300):
        service.nobody()
        auditor.post("/api/v1/verifications", {"sha256": f"{number:064x}"})
    seal_log(service.archive)
    size = checkpoint(service).size
    full, part = divmod(size, 256)
    addresses = [TileAddress(None, n) for n in range(full)] + ([TileAddress(None, full, part)] if part else [])
    bundles = [auditor.get(f"/api/v1/log/tile/{address.path}") for address in addresses]
    entries = [entry for bundle in bundles for entry in parse_entry_bundle(bundle.data)]
    assert root_of(map(leaf_hash, entries)) == checkpoint(service).root
    tile = auditor.get("/api/v1/log/tile/0/000").data
    assert tile == b"".join(leaf_hash(entry) for entry in entries[:256])
    assert auditor.get("/api/v1/log/tile/1/000.p/1").data == root_of(map(leaf_hash, entries[:256]))
    assert "immutable" in bundles[0].headers["Cache-Control"]


@pytest.mark.parametrize("address", ["0/001", "0/000", "0/000.p/255", "9/000.p/1", "0/0", "entries/000", "x", "0/../0"])
def test_what_no_checkpoint_covers_is_not_served(service: Service, auditor: ApiCaller, address: str) -> None:
    auditor.post("/api/v1/verifications", {"sha256": "0" * 64})
    seal_log(service.archive)
    told = assert_problem(auditor.get(f"/api/v1/log/tile/{address}"), 404, "not-found")
    assert "GET /log/checkpoint" in told["detail"]


def test_each_checkpoint_is_proven_to_extend_the_one_before(service: Service, auditor: ApiCaller) -> None:
    seal_log(service.archive)
    before = checkpoint(service)
    auditor.post("/api/v1/verifications", {"sha256": "0" * 64})
    seal_log(service.archive)
    after = checkpoint(service)
    answer = auditor.get(f"/api/v1/log/consistency?from={before.size}&to={after.size}").data
    require_extends(before, after, [parse_consistency(answer)])


@pytest.mark.parametrize("query", ["", "?from=0&to=1", "?from=2&to=1", "?from=1&to=100000", "?from=x&to=1"])
def test_sizes_that_are_none_are_invalid(service: Service, auditor: ApiCaller, query: str) -> None:
    seal_log(service.archive)
    assert_problem(auditor.get(f"/api/v1/log/consistency{query}"), 400, "invalid-input")


def test_before_the_first_checkpoint_there_is_none(service: Service) -> None:
    told = assert_problem(service.nobody().get("/api/v1/log/checkpoint"), 404, "no-checkpoint")
    assert "Ask again in a minute" in told["detail"]


def test_a_witness_is_heard_and_its_word_goes_out_with_the_checkpoint_and_with_proofs(
    service: Service, auditor: ApiCaller, depositor: ApiCaller
) -> None:
    record = depositor.deposit().get_json()
    seal_log(service.archive)
    note = cosigned(auditor.get("/api/v1/log/checkpoint").data)
    for _ in range(2):
        answer = auditor.ask("POST", "/api/v1/log/cosignatures", data=note, content_type="text/plain")
        assert answer.get_json() == {"witnesses": [WITNESS]}
    auditor.post("/api/v1/verifications", {"sha256": "0" * 64})
    seal_log(service.archive)
    proof = parse_proof(depositor.get(f"/api/v1/records/{record['id']}/proof").data)
    signed = verified_signatures(parse_note(proof.note), (*KEYS, WITNESS_KEY))
    assert [one.key for one in signed] == [*KEYS, WITNESS_KEY]
    assert signed[-1].at is not None
    assert signed[-1].at.timestamp() == SECONDS
    require_logged(entry_of(record["receipt"])[1], proof, KEYS)


def test_what_is_no_witness_word_is_refused(service: Service, auditor: ApiCaller) -> None:
    seal_log(service.archive)
    own = auditor.get("/api/v1/log/checkpoint").data
    note = cosigned(own)
    other = parse_checkpoint(parse_note(own).text)
    forked = cosigned((Checkpoint(other.origin, other.size, bytes(32)).text + "\n").encode() + own.split(b"\n\n")[1])
    later = note.replace(b"\n\n", b"\n\n", 1)[:-6] + b"AAA=\n"
    for body in (b"", b"nothing", own, forked, later):
        answer = auditor.ask("POST", "/api/v1/log/cosignatures", data=body, content_type="text/plain")
        assert_problem(answer, 400, "cosignature-refused")


def test_keys_of_the_log_are_listed_with_their_days(service: Service, auditor: ApiCaller) -> None:
    assert auditor.get("/api/v1/log/keys").get_json() == {"keys": []}
