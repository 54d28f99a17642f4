"""The ten steps: what each passes, refuses, and cannot tell."""

from __future__ import annotations

import datetime as dt
import fnmatch
import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archive_service.evidence.canonical import canonical_json
from archive_service.evidence.entry import seal_event
from archive_service.evidence.signer import LogSigner, generate_log_keys
from archive_service.model.events import Event, EventType
from archive_verify import contents
from archive_verify.bag import bag_problems
from archive_verify.contents import layout_problems
from archive_verify.package import Package
from archive_verify.steps import STEPS, check
from archive_verify.trust import Trust
from archive_verify.verdicts import Verdict
from tests.packages import (
    ORIGIN,
    RECORD,
    Life,
    SmallArchive,
    Witness,
    contents_of,
    details,
    failed,
    make_agency,
    package_bytes,
    plain_pdf,
    repacked,
    revocation_list,
    signature_report,
    signed_pdf,
    time_stamped_pdf,
    verdicts,
)

DEPOSIT = "data/entries/1"


@pytest.fixture
def fresh(tmp_path: Any) -> SmallArchive:
    """Give an archive of the test's own, to let other things happen in."""
    return SmallArchive(tmp_path)


def test_all_ten_steps_pass_for_an_auditor_who_knows_everybody(archive: SmallArchive, package: bytes) -> None:
    assert list(verdicts(package, archive.trust()).values()) == [Verdict.PASS] * 10


def test_without_roots_of_ones_own_trust_is_unknown_and_nothing_else(archive: SmallArchive, package: bytes) -> None:
    unknown = {name for name, one in verdicts(package, Trust(archive.clock.now())).items() if one is Verdict.UNKNOWN}
    assert unknown == {"checkpoint", "trust", "signatures"}
    assert failed(package, Trust(archive.clock.now())) == set()


@pytest.mark.parametrize(
    ("given_up", "step"),
    [
        ("log_keys", "checkpoint"),
        ("witness_keys", "checkpoint"),
        ("tsa_roots", "trust"),
        ("agency_roots", "signatures"),
    ],
)
def test_each_kind_of_trust_decides_its_own_step(
    archive: SmallArchive, package: bytes, given_up: str, step: str
) -> None:
    trust = replace(archive.trust(), **{given_up: ()})  # type: ignore[arg-type]
    told = verdicts(package, trust)
    assert {name for name, verdict in told.items() if verdict is not Verdict.PASS} == {step}
    assert told[step] is Verdict.UNKNOWN


# Step 1: the package


def test_what_is_damaged_here_has_every_kind_of_part_that_a_package_can_have(package: bytes) -> None:
    names = Package(package).names("data/")
    for part in contents._REQUIRED_OF_RECORD:
        assert part in names
    for pattern in contents._OPTIONAL_OF_RECORD:
        assert any(re.fullmatch(pattern, name) for name in names), pattern
    for kind in ("revocation/*.crl", "revocation/*.ocsp", "trust/tsa/*", "trust/agency/*", "metadata/*.json",
                 "metadata/*.salt", "entries/*.entry", "entries/*.payload", "entries/*.salt", "entries/*.proof",
                 "checker/*.py", "checker/*.typed", "checker/*.toml", "checker/*.md"):  # fmt: skip
        assert fnmatch.filter(names, f"data/{kind}"), kind


@given(st.data())
@settings(max_examples=40, deadline=None)
def test_one_byte_changed_anywhere_fails(archive: SmallArchive, package: bytes, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(package) - 1), label="place")
    mask = data.draw(st.integers(1, 255), label="mask")
    changed = bytearray(package)
    changed[place] ^= mask
    assert "package" in failed(bytes(changed), archive.trust())


@pytest.mark.parametrize("part", range(4))
def test_no_byte_of_any_part_can_be_another_one(package: bytes, part: int) -> None:
    changed = bytearray(package)
    for place in range(part, len(package), 4):
        # Another bit each time; every one of them at every place would take minutes.
        changed[place] ^= 1 << place % 8
        damaged = Package(bytes(changed))
        assert damaged.problems or bag_problems(damaged) or layout_problems(damaged), f"byte {place} goes unseen"
        changed[place] ^= 1 << place % 8


@pytest.mark.parametrize(
    "name",
    ["data/original.pdf", "data/receipt.txt", "data/checkpoint.txt", "data/README.txt", "data/trust/log.vkey"]
    + [f"{DEPOSIT}.{suffix}" for suffix in ("entry", "payload", "salt", "proof")]
    + ["data/metadata/1.json", "data/metadata/2.salt"],
)
def test_missing_part_fails(archive: SmallArchive, package: bytes, name: str) -> None:
    assert "package" in failed(repacked(package, {name: None}), archive.trust())


@pytest.mark.parametrize(
    "name", ["data/notes.txt", "data/entries/01.entry", "data/metadata/0.json", "data/evidence/a.xml", "data/a/b.pdf"]
)
def test_part_that_no_step_looks_at_fails(archive: SmallArchive, package: bytes, name: str) -> None:
    changed = repacked(package, {name: b"x"})
    assert f"{name} is no part of a package." in details(changed, archive.trust(), "package")


def test_reordered_members_fail(archive: SmallArchive, package: bytes) -> None:
    read = Package(package)
    first, second = list(read.members.values())[:2]
    one = package[: first.offset + first.digests.size_bytes]
    two = package[len(one) : second.offset + second.digests.size_bytes]
    assert "package" in failed(two + one + package[len(one) + len(two) :], archive.trust())


# Step 2: the original


def test_original_replaced_by_somebody_who_computes_all_manifests_anew_fails(
    archive: SmallArchive, package: bytes
) -> None:
    told = failed(repacked(package, {"data/original.pdf": signed_pdf(archive.agency)}), archive.trust())
    assert told == {"original", "time-stamps", "trust"}


@pytest.mark.parametrize("name", ["sha256", "sha512", "size_bytes"])
def test_each_digest_and_the_size_are_checked(fresh: SmallArchive, name: str) -> None:
    wrong: Any = 1 if name == "size_bytes" else "0" * (64 if name == "sha256" else 128)
    package = package_bytes(fresh.parts(fresh.life(plain_pdf(), **{name: wrong})))
    assert f"data/original.pdf has another {name} than the entry commits to." in details(
        package, fresh.trust(), "original"
    )


def test_sealed_rendition_must_be_the_one_committed_to(fresh: SmallArchive) -> None:
    life = fresh.life(plain_pdf())
    package = package_bytes(fresh.seal(life, signed_pdf(fresh.agency)))
    assert set(verdicts(package, fresh.trust()).values()) == {Verdict.PASS}
    other = repacked(package, {"data/renditions/sealed.pdf": signed_pdf(fresh.agency)})
    assert failed(other, fresh.trust()) == {"original"}
    left_out = repacked(package, {"data/renditions/sealed.pdf": None})
    assert verdicts(left_out, fresh.trust())["original"] is Verdict.UNKNOWN


def test_sealed_rendition_without_an_entry_fails(archive: SmallArchive, package: bytes) -> None:
    added = repacked(package, {"data/renditions/sealed.pdf": signed_pdf(archive.agency)})
    assert failed(added, archive.trust()) == {"original"}


# Steps 3 and 4: payloads and metadata


@given(st.data())
@settings(max_examples=40, deadline=None)
def test_whoever_changes_what_is_committed_to_and_computes_the_rest_anew_is_found_out(
    archive: SmallArchive, package: bytes, data: st.DataObject
) -> None:
    names = [name for name in contents_of(package) if name.endswith((".entry", ".payload", ".salt", ".json", ".pdf"))]
    name = data.draw(st.sampled_from(names), label="name")
    changed = bytearray(contents_of(package)[name])
    changed[data.draw(st.integers(0, len(changed) - 1), label="place")] ^= data.draw(st.integers(1, 255), label="mask")
    told = failed(repacked(package, {name: bytes(changed)}), archive.trust())
    assert told - {"package"}


def test_edited_payload_fails(archive: SmallArchive, package: bytes) -> None:
    edited = contents_of(package)["data/entries/4.payload"].replace(b"key:1f0c3a", b"key:ffffff")
    assert failed(repacked(package, {"data/entries/4.payload": edited}), archive.trust()) == {"manifest"}


def test_edited_metadata_fail(archive: SmallArchive, package: bytes) -> None:
    edited = canonical_json({"subject": "Trần Văn Đức", "number": "12/QĐ"})
    told = repacked(package, {"data/metadata/1.json": edited})
    assert failed(told, archive.trust()) == {"metadata"}


def test_metadata_version_left_out_fails(archive: SmallArchive, package: bytes) -> None:
    left_out = repacked(package, {"data/metadata/2.json": None, "data/metadata/2.salt": None})
    assert failed(left_out, archive.trust()) == {"metadata"}


def test_metadata_version_that_no_entry_commits_to_fails(archive: SmallArchive, package: bytes) -> None:
    added = repacked(package, {"data/metadata/3.json": b"{}", "data/metadata/3.salt": bytes(32)})
    assert failed(added, archive.trust()) == {"metadata"}


def test_a_version_skipped_by_the_entries_fails(fresh: SmallArchive) -> None:
    life = fresh.life(plain_pdf())
    del life.events[-1]  # the correction that made version 2
    life.events.append(fresh.happens(EventType.METADATA_CORRECTED, {"metadata": {"version": 3, "sha256": "0" * 64}}))
    assert "metadata" in failed(package_bytes(fresh.parts(life)), fresh.trust())


# Steps 5 and 6: the log


def test_proofs_of_two_entries_swapped_fail(archive: SmallArchive, package: bytes) -> None:
    held = contents_of(package)
    swapped = {
        "data/entries/1.proof": held["data/entries/3.proof"],
        "data/entries/3.proof": held["data/entries/1.proof"],
    }
    assert failed(repacked(package, {**swapped}), archive.trust()) == {"inclusion"}


@pytest.mark.parametrize(
    ("line", "other"), [(b"index 3", b"index 2"), (b"archive.example/log\n", b"other.example/log\n")]
)
def test_proof_that_speaks_of_another_place_or_checkpoint_fails(
    archive: SmallArchive, package: bytes, line: bytes, other: bytes
) -> None:
    proof = contents_of(package)["data/entries/3.proof"]
    assert failed(repacked(package, {"data/entries/3.proof": proof.replace(line, other, 1)}), archive.trust()) == {
        "inclusion"
    }


def test_key_of_another_name_is_none_of_this_log(archive: SmallArchive, package: bytes) -> None:
    """A witness's key, or that of another log, does not vouch for this one, whatever it signed."""
    trust = replace(archive.trust(), log_keys=archive.trust().witness_keys)
    assert any("None of the log keys is one of the log" in one for one in details(package, trust, "checkpoint"))


def test_while_the_keys_change_each_auditor_passes_with_the_key_that_he_has(fresh: SmallArchive) -> None:
    old, new = fresh.signer.generations[0], generate_log_keys()
    fresh.signer = fresh.log.signer = LogSigner(ORIGIN, [old, new])
    package = package_bytes(fresh.parts(fresh.life(plain_pdf())))
    for known in ([old], [new], [old, new]):
        trust = replace(fresh.trust(), log_keys=LogSigner(ORIGIN, known).verifier_keys)
        assert verdicts(package, trust)["checkpoint"] is Verdict.PASS


def test_entry_shown_at_another_place_fails(archive: SmallArchive, package: bytes) -> None:
    held = contents_of(package)
    moved: dict[str, bytes | None] = {}
    for suffix in ("entry", "payload", "salt", "proof"):
        moved |= {f"data/entries/3.{suffix}": None, f"data/entries/2.{suffix}": held[f"data/entries/3.{suffix}"]}
    assert failed(repacked(package, moved), archive.trust()) == {"inclusion"}


def test_older_checkpoint_than_the_proofs_fails(fresh: SmallArchive) -> None:
    life = fresh.life(plain_pdf())
    older = fresh.witness.cosign(fresh.log.checkpoint(fresh.clock.now()), fresh.clock.now()).data
    fresh.happens(EventType.SEARCHED, {}, None)
    assert "inclusion" in failed(package_bytes(fresh.parts(life, checkpoint=older)), fresh.trust())


def test_log_signed_by_another_key_fails(archive: SmallArchive, package: bytes, tmp_path: Any) -> None:
    stranger = SmallArchive(tmp_path)
    trust = replace(archive.trust(), log_keys=stranger.signer.verifier_keys)
    assert failed(package, trust) == {"checkpoint"}


def test_log_keys_in_the_package_that_did_not_sign_fail_even_without_trust(
    archive: SmallArchive, package: bytes, tmp_path: Any
) -> None:
    keys = "".join(f"{key.text}\n" for key in SmallArchive(tmp_path).signer.verifier_keys).encode()
    changed = repacked(package, {"data/trust/log.vkey": keys})
    assert failed(changed, Trust(archive.clock.now())) == {"checkpoint"}


def test_either_kind_of_log_key_is_enough_for_the_checkpoint(archive: SmallArchive, package: bytes) -> None:
    ed25519 = archive.signer.verifier_keys[:1]
    assert failed(package, replace(archive.trust(), log_keys=ed25519)) == set()


def test_every_witness_that_is_named_must_have_cosigned(archive: SmallArchive, package: bytes) -> None:
    named = (*archive.trust().witness_keys, Witness("elsewhere.example").verifier_key)
    assert failed(package, replace(archive.trust(), witness_keys=named)) == {"checkpoint"}


def test_witness_whose_clock_is_behind_the_last_entry_is_unknown(fresh: SmallArchive) -> None:
    """It signed the tree that holds the entry: one of the two clocks is wrong, which cannot be told."""
    life = fresh.life(plain_pdf())
    note = fresh.witness.cosign(fresh.log.checkpoint(fresh.clock.now()), fresh.clock.now() - dt.timedelta(hours=2))
    told = verdicts(package_bytes(fresh.parts(life, checkpoint=note.data)), fresh.trust())
    assert {name for name, one in told.items() if one is not Verdict.PASS} == {"checkpoint"}
    assert told["checkpoint"] is Verdict.UNKNOWN


def test_checkpoint_of_a_tree_before_the_last_entry_fails(fresh: SmallArchive) -> None:
    """Whoever signed it did not vouch for that entry."""
    life = fresh.life(plain_pdf())
    older = fresh.witness.cosign(fresh.log.checkpoint(fresh.clock.now()), fresh.clock.now()).data
    life.events.append(fresh.happens(EventType.TEXT_READ, {"pages": 1}))
    assert "checkpoint" in failed(package_bytes(fresh.parts(life, checkpoint=older)), fresh.trust())


# Step 7: the history


def test_two_deposits_fail(fresh: SmallArchive) -> None:
    life = fresh.life(plain_pdf())
    life.events.append(fresh.happens(EventType.DEPOSITED, {"metadata": {"version": 3, "sha256": ""}}))
    assert "history" in failed(package_bytes(fresh.parts(life)), fresh.trust())


def test_history_that_does_not_begin_with_the_deposit_fails(fresh: SmallArchive) -> None:
    life = fresh.life(plain_pdf())
    package = package_bytes(fresh.parts(life))
    beheaded = repacked(package, {f"{DEPOSIT}.{suffix}": None for suffix in ("entry", "payload", "salt", "proof")})
    assert {"original", "metadata", "history"} <= failed(beheaded, fresh.trust())


def test_entry_of_another_record_fails(fresh: SmallArchive) -> None:
    life = fresh.life(plain_pdf())
    life.events.append(fresh.happens(EventType.TEXT_READ, {}, None))
    assert failed(package_bytes(fresh.parts(life)), fresh.trust()) == {"history"}


def test_package_named_after_another_record_fails(archive: SmallArchive, package: bytes) -> None:
    renamed = repacked(package, {}, folder="0177eb15-a400-7000-8000-00000000ffff")
    assert failed(renamed, archive.trust()) == {"history"}


@pytest.mark.parametrize(
    ("back", "told"), [(dt.timedelta(minutes=9), Verdict.PASS), (dt.timedelta(minutes=11), Verdict.UNKNOWN)]
)
def test_times_that_go_back_by_more_than_clocks_differ_are_unknown_because_either_may_be_wrong(
    fresh: SmallArchive, back: dt.timedelta, told: Verdict
) -> None:
    life = fresh.life(plain_pdf())
    event = Event(EventType.TEXT_READ, "key:1f0c3a", fresh.clock.now() - dt.timedelta(hours=1) - back, RECORD, {})
    sealed = seal_event(event, bytes(32))
    life.events.append((fresh.log.add(sealed.entry), sealed))
    package = package_bytes(fresh.parts(life))
    assert verdicts(package, fresh.trust())["history"] is told
    assert failed(package, fresh.trust()) == set()


def test_clock_that_ran_ahead_at_the_deposit_fails_nothing_and_passes_nothing_that_rests_on_it(
    fresh: SmallArchive,
) -> None:
    fresh.clock.forward(dt.timedelta(days=1))
    life = fresh.life(plain_pdf())
    fresh.clock.forward(-dt.timedelta(days=1))
    life.events.append(fresh.happens(EventType.TEXT_READ, {"pages": 1}))
    package = package_bytes(fresh.parts(life, evidence={"local": fresh.stamp(life)}))
    told = verdicts(package, replace(fresh.trust(), now=fresh.clock.now() + dt.timedelta(days=2)))
    assert {name for name, one in told.items() if one is not Verdict.PASS} == {"history", "time-stamps"}
    assert Verdict.FAIL not in told.values()


def test_record_that_was_disposed_of_fails(fresh: SmallArchive) -> None:
    life = fresh.life(plain_pdf())
    life.events.append(fresh.happens("disposed", {}))  # type: ignore[arg-type]
    assert failed(package_bytes(fresh.parts(life)), fresh.trust()) == {"history"}


def test_receipt_of_another_record_fails(fresh: SmallArchive) -> None:
    life, other = fresh.life(plain_pdf()), fresh.life(plain_pdf())
    package = package_bytes(fresh.parts(life, receipt=fresh.receipt(other)))
    assert failed(package, fresh.trust()) == {"history"}


def test_receipt_that_somebody_else_signed_fails(fresh: SmallArchive, tmp_path: Any) -> None:
    life = fresh.life(plain_pdf())
    forged = SmallArchive(tmp_path / "other").receipt(life)
    assert failed(package_bytes(fresh.parts(life, receipt=forged)), fresh.trust()) == {"checkpoint"}


@pytest.mark.parametrize("text", ["", "archive-service/receipt/v2\n{}\n", "archive-service/receipt/v1\n[]\n"])
def test_receipt_of_another_form_fails(fresh: SmallArchive, text: str) -> None:
    life = fresh.life(plain_pdf())
    receipt = fresh.signer.sign_text(text or "\n").data
    assert "history" in failed(package_bytes(fresh.parts(life, receipt=receipt)), fresh.trust())


# Steps 8 and 9: time


def test_package_without_time_stamp_is_unknown(archive: SmallArchive, package: bytes) -> None:
    stripped = repacked(package, {"data/evidence/local.ers": None, "data/tokens/local-1.tst": None})
    told = verdicts(stripped, archive.trust())
    assert {name for name, one in told.items() if one is Verdict.UNKNOWN} == {"time-stamps", "trust"}
    assert failed(stripped, archive.trust()) == set()


def test_time_stamp_of_another_batch_fails(fresh: SmallArchive) -> None:
    life = fresh.life(plain_pdf())
    other = fresh.stamp(fresh.life(plain_pdf()))
    told = failed(package_bytes(fresh.parts(life, evidence={"local": other})), fresh.trust())
    assert told == {"time-stamps", "trust"}


def test_token_that_belongs_to_no_evidence_record_fails(archive: SmallArchive, package: bytes) -> None:
    token = archive.authority.stamp(bytes(32), "sha256").der
    assert failed(repacked(package, {"data/tokens/local-2.tst": token}), archive.trust()) == {"time-stamps"}


def test_time_stamp_older_than_the_time_that_its_own_entry_states_is_unknown(fresh: SmallArchive) -> None:
    life = fresh.life(plain_pdf())
    fresh.clock.forward(dt.timedelta(days=-1))
    evidence = fresh.stamp(life)
    fresh.clock.forward(dt.timedelta(days=1))
    told = verdicts(package_bytes(fresh.parts(life, evidence={"local": evidence})), fresh.trust())
    assert told["time-stamps"] is Verdict.UNKNOWN


def test_time_stamp_long_after_the_entry_is_unknown_because_it_may_be_backdated(fresh: SmallArchive) -> None:
    life = fresh.life(plain_pdf())
    fresh.clock.forward(dt.timedelta(days=40))
    package = package_bytes(fresh.parts(life))
    assert verdicts(package, fresh.trust())["time-stamps"] is Verdict.UNKNOWN
    assert any("40 days" in one for one in details(package, fresh.trust(), "time-stamps"))


def test_authority_that_the_auditor_does_not_trust_fails(archive: SmallArchive, package: bytes, tmp_path: Any) -> None:
    stranger = SmallArchive(tmp_path, "stranger")
    assert failed(package, replace(archive.trust(), tsa_roots=stranger.authority.roots)) == {"trust"}


def test_time_stamp_whose_certificate_ended_without_renewal_is_unknown(archive: SmallArchive, package: bytes) -> None:
    later = replace(archive.trust(), now=archive.clock.now() + dt.timedelta(days=3_000))
    assert verdicts(package, later)["trust"] is Verdict.UNKNOWN


# Step 10: signatures


def test_report_that_was_exchanged_fails(archive: SmallArchive, package: bytes) -> None:
    changed = repacked(package, {"data/signatures/report.json": b'{"signatures":["all fine"]}'})
    assert failed(changed, archive.trust()) == {"signatures"}


def test_report_on_other_signatures_than_are_found_is_unknown(fresh: SmallArchive) -> None:
    life = fresh.life(signed_pdf(fresh.agency), report=signature_report(plain_pdf()))
    package = package_bytes(fresh.parts(life))
    assert verdicts(package, fresh.trust())["signatures"] is Verdict.UNKNOWN
    assert any("about 0 signatures; 1 were" in one for one in details(package, fresh.trust(), "signatures"))


def test_report_that_was_left_out_fails(archive: SmallArchive, package: bytes) -> None:
    assert failed(repacked(package, {"data/signatures/report.json": None}), archive.trust()) == {"signatures"}


def test_report_that_nothing_commits_to_fails(fresh: SmallArchive) -> None:
    package = package_bytes(fresh.parts(fresh.life(plain_pdf())))
    assert failed(repacked(package, {"data/signatures/report.json": b"{}"}), fresh.trust()) == {"signatures"}


def test_signer_whom_the_auditor_does_not_trust_fails(archive: SmallArchive, package: bytes) -> None:
    assert failed(package, replace(archive.trust(), agency_roots=(make_agency().der,))) == {"signatures"}


def test_document_without_signature_passes_and_says_so(fresh: SmallArchive) -> None:
    package = package_bytes(fresh.parts(fresh.life(plain_pdf())))
    assert verdicts(package, fresh.trust())["signatures"] is Verdict.PASS
    assert details(package, fresh.trust(), "signatures") == ["data/original.pdf carries no signature."]


def test_bytes_after_the_signature_are_unknown(fresh: SmallArchive) -> None:
    package = package_bytes(fresh.parts(fresh.life(signed_pdf(fresh.agency) + b"% more\n")))
    assert verdicts(package, fresh.trust())["signatures"] is Verdict.UNKNOWN


def test_first_of_two_signatures_is_unknown_because_the_second_may_have_changed_what_is_seen(
    fresh: SmallArchive,
) -> None:
    twice = signed_pdf(fresh.agency, signed_pdf(fresh.agency), "Sig2")
    package = package_bytes(fresh.parts(fresh.life(twice)))
    assert verdicts(package, fresh.trust())["signatures"] is Verdict.UNKNOWN


def test_signature_whose_certificate_ended_before_any_proof_is_unknown(fresh: SmallArchive) -> None:
    agency = make_agency(begins=fresh.clock.now() - dt.timedelta(days=100), days=50)
    package = package_bytes(fresh.parts(fresh.life(signed_pdf(agency))))
    trust = replace(fresh.trust(), agency_roots=(agency.der,))
    assert verdicts(package, trust)["signatures"] is Verdict.UNKNOWN


def test_time_stamp_lets_a_signature_outlive_its_certificate(fresh: SmallArchive) -> None:
    agency = make_agency(begins=fresh.clock.now(), days=10)
    package = package_bytes(fresh.parts(fresh.life(signed_pdf(agency))))
    later = replace(fresh.trust(), agency_roots=(agency.der,), now=fresh.clock.now() + dt.timedelta(days=100))
    assert verdicts(package, later)["signatures"] is Verdict.PASS
    assert verdicts(package, replace(later, tsa_roots=()))["signatures"] is Verdict.UNKNOWN


@pytest.mark.parametrize(
    ("verdict", "told"),
    [
        ("valid", Verdict.PASS),
        ("untrusted", Verdict.PASS),  # by the archive: the auditor has roots of his own
        ("altered", Verdict.FAIL),
        ("invalid", Verdict.FAIL),
        ("unreadable", Verdict.UNKNOWN),
        ("undecided", Verdict.UNKNOWN),
        ("splendid", Verdict.UNKNOWN),
    ],
)
def test_what_the_archive_saw_at_deposit_counts_against_a_signature(
    fresh: SmallArchive, verdict: str, told: Verdict
) -> None:
    signed = signed_pdf(fresh.agency)
    package = package_bytes(fresh.parts(fresh.life(signed, report=signature_report(signed, verdict))))
    assert verdicts(package, fresh.trust())["signatures"] is told


@pytest.mark.parametrize(
    "make",
    [
        lambda ours: plain_pdf(),
        lambda ours: signed_pdf(ours.agency) + b"% more\n",
        lambda ours: time_stamped_pdf(ours.authority),
        lambda ours: time_stamped_pdf(ours.authority, signed_pdf(ours.agency)),
    ],
    ids=["no signature", "bytes behind it", "a time-stamp alone", "a time-stamp behind it"],
)
def test_sealed_rendition_without_a_seal_to_its_end_fails(
    fresh: SmallArchive, make: Callable[[SmallArchive], bytes]
) -> None:
    package = package_bytes(fresh.seal(fresh.life(plain_pdf()), make(fresh)))
    assert failed(package, fresh.trust()) == {"signatures"}


def test_time_stamps_of_the_original_prove_nothing_of_its_sealed_rendition(fresh: SmallArchive) -> None:
    agency = make_agency(begins=fresh.clock.now(), days=10)
    package = package_bytes(fresh.seal(fresh.life(plain_pdf()), signed_pdf(agency)))
    trust = replace(fresh.trust(), agency_roots=(agency.der,), now=fresh.clock.now() + dt.timedelta(days=100))
    assert verdicts(package, trust)["signatures"] is Verdict.UNKNOWN


def test_document_time_stamp_passes_only_by_an_authority_that_is_trusted(fresh: SmallArchive, tmp_path: Any) -> None:
    package = package_bytes(fresh.parts(fresh.life(time_stamped_pdf(fresh.authority))))
    stranger = SmallArchive(tmp_path / "stranger", "stranger")
    for roots, verdict in (
        (fresh.authority.roots, Verdict.PASS),
        ((), Verdict.UNKNOWN),
        (stranger.authority.roots, Verdict.FAIL),
    ):
        assert verdicts(package, replace(fresh.trust(), tsa_roots=roots))["signatures"] is verdict


def test_bytes_after_a_document_time_stamp_are_unknown(fresh: SmallArchive) -> None:
    package = package_bytes(fresh.parts(fresh.life(time_stamped_pdf(fresh.authority) + b"% more\n")))
    assert verdicts(package, fresh.trust())["signatures"] is Verdict.UNKNOWN


# Whatever the package holds

# What no step needs: it is for comparison, or proves itself and may be left out as well.
NOT_NEEDED = ("README", "trust/", "checker/", "certificates/", "revocation/")


@given(st.data())
@settings(max_examples=40, deadline=None)
def test_rubbish_in_a_part_fails_a_step_and_never_escapes(
    archive: SmallArchive, package: bytes, data: st.DataObject
) -> None:
    names = [name for name in contents_of(package) if not any(part in name for part in NOT_NEEDED)]
    name = data.draw(st.sampled_from(names), label="name")
    rubbish = data.draw(st.binary(max_size=200) | st.sampled_from([b"{}", b"[" * 10_000, b'{"v":1}', b"30800000"]))
    assert failed(repacked(package, {name: rubbish}), archive.trust())


@pytest.mark.parametrize("rubbish", [b"", b"rubbish", b"0\x80\0\0", bytes(300)])
def test_rubbish_among_what_only_links_or_compares_takes_no_proof_away(
    archive: SmallArchive, package: bytes, rubbish: bytes
) -> None:
    names = [name for name in contents_of(package) if name.startswith(("data/certificates/", "data/revocation/"))]
    assert len(names) == 3
    told = verdicts(repacked(package, dict.fromkeys(names, rubbish)), archive.trust())
    assert set(told.values()) == {Verdict.PASS}


def test_steps_are_ten_and_each_has_its_sentences_in_both_languages() -> None:
    assert len(STEPS) == 10
    assert len({step.name for step in STEPS}) == 10
    texts = [step.sentence(verdict) for step in STEPS for verdict in Verdict]
    assert len({text.en for text in texts}) == len({text.vi for text in texts}) == 30


def test_entry_with_a_name_twice_is_not_read_one_way_or_the_other(archive: SmallArchive, package: bytes) -> None:
    entry = contents_of(package)[f"{DEPOSIT}.entry"]
    doubled = entry.replace(b'{"at"', b'{"v":1,"at"')
    assert json.loads(doubled) == json.loads(entry)
    told = failed(repacked(package, {f"{DEPOSIT}.entry": doubled}), archive.trust())
    assert {"manifest", "inclusion", "history"} <= told


def test_a_step_is_not_stopped_by_what_another_finds(archive: SmallArchive, life: Life, package: bytes) -> None:
    results = check(Package(package[:-1]), archive.trust())
    assert [findings.verdict for _, findings in results] == [Verdict.FAIL, *[Verdict.PASS] * 9]


def test_commitment_by_sha512_is_checked_even_where_that_by_sha256_holds(fresh: SmallArchive) -> None:
    """One day SHA-256 will not be enough."""
    life = fresh.life(plain_pdf())
    index, sealed = fresh.happens(EventType.TEXT_READ, {"pages": 1})
    wrong = sealed.entry.replace(hashlib.sha512(sealed.salt + sealed.payload).hexdigest().encode(), b"0" * 128)
    life.events.append((fresh.log.add(wrong), replace(sealed, entry=wrong)))
    assert index
    assert failed(package_bytes(fresh.parts(life)), fresh.trust()) == {"manifest"}


def test_salt_of_another_length_fails(archive: SmallArchive, package: bytes) -> None:
    """Bytes must not wander between salt and payload."""
    held = contents_of(package)
    moved: dict[str, bytes | None] = {
        "data/entries/3.salt": held["data/entries/3.salt"] + held["data/entries/3.payload"][:1],
        "data/entries/3.payload": held["data/entries/3.payload"][1:],
    }
    assert any("has not 32 bytes" in one for one in details(repacked(package, moved), archive.trust(), "manifest"))


def test_metadata_that_nothing_commits_to_are_named(archive: SmallArchive, package: bytes) -> None:
    added = repacked(package, {"data/metadata/3.json": b"{}", "data/metadata/3.salt": bytes(32)})
    assert details(added, archive.trust(), "metadata") == ["No entry commits to metadata version 3."]


def test_certificate_that_is_not_one_for_signatures_fails(fresh: SmallArchive) -> None:
    agency = make_agency(usage=["key_agreement"])
    package = package_bytes(fresh.parts(fresh.life(signed_pdf(agency))))
    assert failed(package, replace(fresh.trust(), agency_roots=(agency.der,))) == {"signatures"}


def test_certificate_that_was_revoked_before_the_signature_is_proven_fails(fresh: SmallArchive) -> None:
    issuer = make_agency("Cơ quan cấp chứng thư", usage=["key_cert_sign", "crl_sign"])
    agency = make_agency(issuer=issuer)
    revoked = revocation_list(issuer, fresh.clock.now(), agency)
    life = fresh.life(signed_pdf(agency))
    trust = replace(fresh.trust(), agency_roots=(issuer.der,))
    assert failed(package_bytes(fresh.parts(life)), trust) == set()
    assert failed(package_bytes(fresh.parts(life, revocation_lists=[revoked])), trust) == {"signatures"}


def test_signer_whose_issuer_publishes_revocations_passes_only_with_a_fresh_one(fresh: SmallArchive) -> None:
    issuer = make_agency("Cơ quan cấp chứng thư", usage=["key_cert_sign", "crl_sign"])
    life = fresh.life(signed_pdf(make_agency(issuer=issuer, list_at="http://issuer.example/list.crl")))
    trust = replace(fresh.trust(), agency_roots=(issuer.der,))
    stale = revocation_list(issuer, fresh.clock.now() - dt.timedelta(days=31))
    good = revocation_list(issuer, fresh.clock.now())
    for statements, verdict in (([], Verdict.UNKNOWN), ([stale], Verdict.UNKNOWN), ([stale, good], Verdict.PASS)):
        package = package_bytes(fresh.parts(life, revocation_lists=statements))
        assert verdicts(package, trust)["signatures"] is verdict
    without = package_bytes(fresh.parts(life))
    assert any("whether it was revoked" in one for one in details(without, trust, "signatures"))
    assert verdicts(without, replace(trust, revocation=(good,)))["signatures"] is Verdict.PASS
