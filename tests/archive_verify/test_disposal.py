"""The package of a disposal: accepted when it went by the rules, and refused for whatever else was done or shown."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archive_service.evidence.canonical import canonical_json
from archive_service.model.events import EventType
from archive_service.model.identifiers import RecordId
from archive_verify.__main__ import main
from archive_verify.bag import bag_problems
from archive_verify.contents import layout_problems
from archive_verify.package import Package
from archive_verify.report import as_json, as_text
from archive_verify.steps import DISPOSAL_STEPS, STEPS, check
from archive_verify.trust import Trust
from archive_verify.verdicts import Verdict
from tests.disposals import (
    ALSO_GONE,
    APPROVER,
    COUNCIL,
    DISPOSAL,
    EXCEPTED,
    GONE,
    KEPT,
    PROPOSER,
    RECORDS,
    Disposing,
)
from tests.packages import (
    SmallArchive,
    contents_of,
    details,
    failed,
    make_agency,
    package_bytes,
    plain_pdf,
    repacked,
    signed_pdf,
    verdicts,
)

OTHER_DISPOSAL = DISPOSAL[:-1] + "2"
OTHER_RECORD = RecordId(KEPT[:-1] + "9")


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> SmallArchive:
    return SmallArchive(tmp_path_factory.mktemp("archive"))


@pytest.fixture(scope="module")
def told(archive: SmallArchive) -> Disposing:
    return Disposing(archive).whole()


@pytest.fixture(scope="module")
def package(told: Disposing) -> bytes:
    """Give the package of a disposal that went by the rules."""
    return package_bytes(told.parts())


@pytest.fixture
def going(tmp_path: Path) -> Disposing:
    """Give a disposal in an archive of the test's own, in which nothing was said yet."""
    return Disposing(SmallArchive(tmp_path))


def refused(going: Disposing) -> set[str]:
    return failed(package_bytes(going.parts()), going.archive.trust())


def test_all_ten_steps_pass_for_an_auditor_who_knows_everybody(archive: SmallArchive, package: bytes) -> None:
    assert list(verdicts(package, archive.trust()).values()) == [Verdict.PASS] * 10


def test_without_roots_of_ones_own_trust_is_unknown_and_nothing_else(archive: SmallArchive, package: bytes) -> None:
    told = verdicts(package, Trust(archive.clock.now()))
    assert {name for name, one in told.items() if one is not Verdict.PASS} == {"checkpoint", "trust", "signatures"}
    assert Verdict.FAIL not in told.values()


def test_a_transfer_that_was_received_passes(going: Disposing) -> None:
    going.action = "transfer"
    going.propose()
    going.decide()
    going.receive()
    going.carry_out()
    going.certify()
    assert set(verdicts(package_bytes(going.parts()), going.archive.trust()).values()) == {Verdict.PASS}


def test_steps_have_the_same_ten_names_and_sentences_of_their_own_where_they_judge_something_else() -> None:
    assert [step.name for step in DISPOSAL_STEPS] == [step.name for step in STEPS]
    own = {step.name for step, other in zip(DISPOSAL_STEPS, STEPS, strict=True) if step is not other}
    assert own == {"original", "metadata", "history", "signatures"}
    texts = [step.sentence(verdict) for step in DISPOSAL_STEPS for verdict in Verdict]
    assert len({text.en for text in texts}) == len({text.vi for text in texts}) == 30


def test_the_report_says_that_it_is_about_a_disposal_and_who_decided(archive: SmallArchive, package: bytes) -> None:
    read, results = Package(package), check(Package(package), archive.trust())
    assert json.loads(as_json(read, results))["disposal"] == DISPOSAL
    assert as_text(read, results, "en", colour=False).startswith(f"Disposal {DISPOSAL}\n")
    [summary] = details(package, archive.trust(), "history")
    for person in (PROPOSER, APPROVER, *COUNCIL):
        assert person in summary
    assert "2 of 4 records" in summary


def test_a_package_of_a_disposal_is_judged_by_the_command(
    archive: SmallArchive, package: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "package.zip").write_bytes(package)
    assert main([str(tmp_path / "package.zip"), "--lang", "vi"], archive.trust().now) == 2
    assert f"Đợt xử lý {DISPOSAL}" in capsys.readouterr().out


# Whatever byte is changed


@given(st.data())
@settings(max_examples=40, deadline=None)
def test_one_byte_changed_anywhere_fails(archive: SmallArchive, package: bytes, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(package) - 1), label="place")
    changed = bytearray(package)
    changed[place] ^= data.draw(st.integers(1, 255), label="mask")
    assert "package" in failed(bytes(changed), archive.trust())


def test_no_byte_of_any_part_can_be_another_one(package: bytes) -> None:
    changed = bytearray(package)
    for place in range(0, len(package), 11):  # a prime: every kind of place in names, headers and numbers
        changed[place] ^= 1 << place % 8
        damaged = Package(bytes(changed))
        assert damaged.problems or bag_problems(damaged) or layout_problems(damaged), f"byte {place} goes unseen"
        changed[place] ^= 1 << place % 8


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_whoever_changes_what_is_committed_to_and_computes_the_rest_anew_is_found_out(
    archive: SmallArchive, package: bytes, data: st.DataObject
) -> None:
    names = [name for name in contents_of(package) if name.endswith((".entry", ".payload", ".salt", ".json", ".pdf"))]
    name = data.draw(st.sampled_from(names), label="name")
    changed = bytearray(contents_of(package)[name])
    changed[data.draw(st.integers(0, len(changed) - 1), label="place")] ^= data.draw(st.integers(1, 255), label="mask")
    assert failed(repacked(package, {name: bytes(changed)}), archive.trust()) - {"package"}


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_rubbish_in_a_part_fails_a_step_and_never_escapes(
    archive: SmallArchive, package: bytes, data: st.DataObject
) -> None:
    names = [name for name in contents_of(package) if "README" not in name and "trust/" not in name]
    name = data.draw(st.sampled_from(names), label="name")
    rubbish = data.draw(st.binary(max_size=200) | st.sampled_from([b"{}", b"[" * 10_000, b'{"format":1}', b"30800000"]))
    assert failed(repacked(package, {name: rubbish}), archive.trust())


def test_each_part_that_is_left_out_fails(archive: SmallArchive, package: bytes) -> None:
    kept = {"data/evidence/local.ers", "data/tokens/local-1.tst"}  # without them it cannot be told since when
    for name in contents_of(package):
        if name not in kept and not name.startswith("data/trust/tsa") and not name.startswith("data/trust/agency"):
            assert failed(repacked(package, {name: None}), archive.trust()), name


@pytest.mark.parametrize(
    "name", ["data/original.pdf", "data/receipt.txt", "data/metadata/1.json", "data/signatures/report.json"]
)
def test_parts_of_a_record_are_no_part_of_a_disposal(archive: SmallArchive, package: bytes, name: str) -> None:
    assert "package" in failed(repacked(package, {name: b"x"}), archive.trust())


# Certificate and paper exchanged


def changed_certificate(package: bytes, change: Callable[[dict[str, Any]], None]) -> bytes:
    """Return the package with another certificate, as somebody makes it who has no key."""
    certificate = json.loads(contents_of(package)["data/certificate.json"])
    change(certificate)
    return repacked(package, {"data/certificate.json": canonical_json(certificate)})


def one_more(certificate: dict[str, Any]) -> None:
    certificate["records"].append({**certificate["records"][3], "record_id": OTHER_RECORD})
    certificate["counts"] |= {"proposed": 5, "kept": 2}


def one_less(certificate: dict[str, Any]) -> None:
    certificate["records"].pop()
    certificate["counts"] |= {"proposed": 3, "kept": 0}


def other_counts(certificate: dict[str, Any]) -> None:
    certificate["counts"] |= {"disposed": 3, "kept": 0}


def other_class(certificate: dict[str, Any]) -> None:
    certificate["records"][0]["class_code"] = "BHXH-70"


def other_entry(certificate: dict[str, Any]) -> None:
    first, second = certificate["records"][:2]
    first["entry"], second["entry"] = second["entry"], first["entry"]


def other_exception(certificate: dict[str, Any]) -> None:
    certificate["exceptions"][0]["reason"] = "không có lý do"


def one_twice(certificate: dict[str, Any]) -> None:
    certificate["records"].append(certificate["records"][0])


def kept_though_gone(certificate: dict[str, Any]) -> None:
    certificate["records"][0] |= {"state": "kept", "entry": None, "disposed_at": None}
    certificate["counts"] |= {"disposed": 1, "kept": 2}


def gone_without_entry(certificate: dict[str, Any]) -> None:
    certificate["records"][3] |= {"state": "disposed"}
    certificate["counts"] |= {"disposed": 3, "kept": 0}


LIST_ATTACKS = (
    one_more, one_less, one_twice, other_counts, other_class, other_entry, other_exception, kept_though_gone,
    gone_without_entry,
)  # fmt: skip


@pytest.mark.parametrize("attack", LIST_ATTACKS, ids=lambda attack: attack.__name__)
def test_certificate_that_says_other_things_of_records_is_refused_by_digest_list_and_time_stamp(
    archive: SmallArchive, package: bytes, attack: Callable[[dict[str, Any]], None]
) -> None:
    told = failed(changed_certificate(package, attack), archive.trust())
    assert told >= {"original", "metadata", "time-stamps", "trust"}


@pytest.mark.parametrize("attack", LIST_ATTACKS, ids=lambda attack: attack.__name__)
def test_certificate_that_the_archive_itself_issued_wrongly_is_refused_by_the_entries(
    going: Disposing, attack: Callable[[dict[str, Any]], None]
) -> None:
    """The operator has every key, and certifies what did not happen: the earlier entries contradict him."""
    going.propose()
    going.decide()
    going.carry_out()
    going.certify(attack)
    assert "metadata" in refused(going)


@pytest.mark.parametrize("name", ["title", "office", "action", "proposed_by", "approved_by", "disposal"])
def test_certificate_that_says_something_else_of_the_decision_is_refused(going: Disposing, name: str) -> None:
    going.propose()
    going.decide()
    going.carry_out()
    going.certify(lambda certificate: certificate.update({name: "destroyed"}))
    assert refused(going) == {"history"}


def proposed_later(certificate: dict[str, Any]) -> None:
    certificate["proposed_at"] = certificate["approved_at"]


def approved_earlier(certificate: dict[str, Any]) -> None:
    certificate["approved_at"] = certificate["proposed_at"]


def voted_earlier(certificate: dict[str, Any]) -> None:
    certificate["council"][0]["voted_at"] = certificate["proposed_at"]


def gone_earlier(certificate: dict[str, Any]) -> None:
    certificate["records"][0]["disposed_at"] = certificate["approved_at"]


def gone_later(certificate: dict[str, Any]) -> None:
    certificate["records"][0]["disposed_at"] = "2027-01-01T00:00:00.000000Z"


@pytest.mark.parametrize(
    "attack", [proposed_later, approved_earlier, voted_earlier, gone_earlier, gone_later], ids=lambda one: one.__name__
)
def test_times_of_the_certificate_that_contradict_the_log_are_unknown_because_either_clock_may_be_wrong(
    going: Disposing, attack: Callable[[dict[str, Any]], None]
) -> None:
    going.propose()
    going.decide()
    going.carry_out()
    going.certify(attack)
    told = verdicts(package_bytes(going.parts()), going.archive.trust())
    assert {name: one for name, one in told.items() if one is not Verdict.PASS} == {"history": Verdict.UNKNOWN}


@pytest.mark.parametrize("text", ["2026-11-23T08:30:00", "yesterday", 7, None])
def test_time_that_is_none_is_not_read(going: Disposing, text: object) -> None:
    going.propose()
    going.decide()
    going.carry_out()
    going.certify(lambda certificate: certificate.update(approved_at=text))
    assert refused(going) == {"metadata", "history"}


def test_votes_that_the_certificate_tells_otherwise_are_refused(going: Disposing) -> None:
    going.propose()
    going.decide()
    going.carry_out()
    going.certify(lambda certificate: certificate["council"][0].update({"reason": "đồng ý một phần"}))
    assert refused(going) == {"history"}


def test_paper_of_another_disposal_is_refused_even_with_a_good_seal(archive: SmallArchive, package: bytes) -> None:
    other = repacked(package, {"data/certificate.pdf": signed_pdf(archive.agency)})
    assert failed(other, archive.trust()) == {"original", "time-stamps", "trust"}


def test_paper_that_was_taken_out_is_missed(archive: SmallArchive, package: bytes) -> None:
    without = verdicts(repacked(package, {"data/certificate.pdf": None}), archive.trust())
    assert without["original"] is without["time-stamps"] is Verdict.FAIL
    assert without["signatures"] is Verdict.UNKNOWN


def test_without_a_sealed_paper_only_the_seal_cannot_be_told(going: Disposing) -> None:
    going.propose()
    going.decide()
    going.carry_out()
    going.certify(paper=None)
    package = package_bytes(going.parts())
    told = verdicts(package, going.archive.trust())
    assert {name: one for name, one in told.items() if one is not Verdict.PASS} == {"signatures": Verdict.UNKNOWN}
    added = repacked(package, {"data/certificate.pdf": signed_pdf(going.archive.agency)})
    assert "original" in failed(added, going.archive.trust())


@pytest.mark.parametrize("bytes_behind", [b"", b"% more\n"])
def test_paper_without_a_seal_to_its_end_is_refused(going: Disposing, bytes_behind: bytes) -> None:
    going.propose()
    going.decide()
    going.carry_out()
    going.certify(paper=signed_pdf(going.archive.agency) + bytes_behind if bytes_behind else plain_pdf())
    assert refused(going) == {"signatures"}


def test_seal_that_the_auditor_does_not_trust_is_refused(archive: SmallArchive, package: bytes) -> None:
    assert failed(package, replace(archive.trust(), agency_roots=(make_agency().der,))) == {"signatures"}


def test_time_stamp_lets_the_seal_outlive_its_certificate(going: Disposing) -> None:
    agency = make_agency(begins=going.archive.clock.now(), days=10)
    going.propose()
    going.decide()
    going.carry_out()
    going.certify(paper=signed_pdf(agency))
    package = package_bytes(going.parts())
    later = going.archive.clock.now() + dt.timedelta(days=100)
    trust = replace(going.archive.trust(), agency_roots=(agency.der,), now=later)
    assert verdicts(package, trust)["signatures"] is Verdict.PASS
    assert verdicts(package, replace(trust, tsa_roots=()))["signatures"] is Verdict.UNKNOWN


# Who decided


def propose_and_vote(going: Disposing, *members: str, **changed: Any) -> None:
    going.propose(**changed)
    going.take_out(EXCEPTED)
    for member in members:
        going.vote(member)


def finish(going: Disposing) -> set[str]:
    going.carry_out()
    going.certify()
    return refused(going)


@pytest.mark.parametrize("approver", [PROPOSER, COUNCIL[0]])
def test_who_proposed_or_voted_may_not_approve(going: Disposing, approver: str) -> None:
    going.propose()
    going.decide(approver)
    assert finish(going) == {"history"}


def test_missing_vote_is_refused(going: Disposing) -> None:
    propose_and_vote(going, *COUNCIL[:-1])
    going.approve()
    assert finish(going) == {"history"}


def test_vote_of_a_stranger_is_refused(going: Disposing) -> None:
    propose_and_vote(going, *COUNCIL, "account:stranger")
    going.approve()
    assert finish(going) == {"history"}


def test_stranger_who_votes_in_place_of_a_member_is_refused(going: Disposing) -> None:
    propose_and_vote(going, *COUNCIL[:-1], "account:stranger")
    going.approve()
    assert finish(going) == {"history"}


def test_second_vote_of_a_member_is_refused(going: Disposing) -> None:
    propose_and_vote(going, *COUNCIL, COUNCIL[0])
    going.approve()
    assert finish(going) == {"history"}


def test_refusal_is_no_agreement(going: Disposing) -> None:
    propose_and_vote(going, *COUNCIL[:-1])
    going.vote(COUNCIL[-1], "refuse", "chưa đủ căn cứ")
    going.approve()
    assert finish(going) == {"history"}


@pytest.mark.parametrize("council", [[], [PROPOSER]], ids=["nobody", "the proposer"])
def test_council_must_be_somebody_else_than_the_proposer(going: Disposing, council: list[str]) -> None:
    propose_and_vote(going, *council, council=council)
    going.approve()
    assert finish(going) == {"history"}


def test_vote_after_the_approval_is_refused(going: Disposing) -> None:
    propose_and_vote(going, *COUNCIL[:-1])
    going.approve()
    going.vote(COUNCIL[-1])
    assert finish(going) == {"history"}


def test_two_proposals_are_refused(going: Disposing) -> None:
    going.happens(EventType.DISPOSAL_PROPOSED, {})
    going.propose()
    going.decide()
    assert "history" in finish(going)


def test_something_else_that_happened_is_no_part_of_a_disposal(going: Disposing) -> None:
    going.propose()
    going.decide()
    going.happens(EventType.DISPOSAL_REJECTED, {})
    assert finish(going) == {"history"}


def test_proposal_to_look_again_is_no_disposal(going: Disposing) -> None:
    going.action = "review"
    assert refused(going.whole()) == {"history"}


# What was carried out


def test_record_disposed_of_before_the_approval_is_refused(going: Disposing) -> None:
    propose_and_vote(going, *COUNCIL)
    going.dispose(GONE)
    going.approve()
    going.dispose(ALSO_GONE)
    going.listed[KEPT] |= {"state": "kept", "reason": "held"}
    going.certify()
    assert refused(going) == {"history"}


def test_record_that_was_excepted_may_not_be_disposed_of(going: Disposing) -> None:
    going.propose()
    going.decide()
    going.dispose(EXCEPTED)
    assert finish(going) == {"metadata", "history"}


def test_record_disposed_of_twice_is_refused(going: Disposing) -> None:
    going.propose()
    going.decide()
    going.dispose(GONE)
    assert finish(going) == {"metadata", "history"}


@pytest.mark.parametrize(
    ("due_on", "told"), [("2026-11-23", set()), ("2026-11-24", {"history"}), ("9999-12-31", {"history"})]
)
def test_record_that_was_not_due_is_refused(going: Disposing, due_on: str, told: set[str]) -> None:
    """It is 08:30 UTC at most: nowhere on earth has the 24th begun more than a few hours ago."""
    going.propose()
    for listed in going.listed.values():
        listed["due_on"] = due_on
    going.archive.clock.forward(dt.timedelta(hours=-6))
    going.decide()
    assert finish(going) - {"trust"} == told


@pytest.mark.parametrize("name", ["sha256", "size_bytes", "class", "due_on"])
def test_entry_of_another_content_class_or_day_is_refused(going: Disposing, name: str) -> None:
    going.propose()
    going.decide()
    going.dispose(GONE, **{name: 999 if name == "size_bytes" else "2026-01-01"})
    going.dispose(ALSO_GONE)
    going.listed[KEPT] |= {"state": "kept", "reason": "held"}
    going.certify()
    assert refused(going) == {"metadata"}


def test_entry_of_another_disposal_is_refused(going: Disposing) -> None:
    going.propose()
    going.decide()
    going.dispose(GONE, disposal=OTHER_DISPOSAL)
    going.dispose(ALSO_GONE)
    going.listed[KEPT] |= {"state": "kept", "reason": "held"}
    going.certify()
    assert refused(going) == {"metadata", "history"}


def test_entry_of_another_record_is_refused(going: Disposing) -> None:
    going.propose()
    going.decide()
    going.dispose(GONE)
    index = going.happens(EventType.DISPOSED, {"due_on": "2026-11-23"}, OTHER_RECORD)
    going.listed[ALSO_GONE] |= {"state": "disposed", "disposed_at": going.said["approved_at"], "entry": index}
    going.listed[KEPT] |= {"state": "kept", "reason": "held"}
    going.certify()
    assert refused(going) == {"metadata"}


@pytest.mark.parametrize("of", [EventType.DISPOSED, EventType.DISPOSAL_VOTED, EventType.DISPOSAL_APPROVED])
def test_entry_that_was_left_out_is_missed(going: Disposing, of: EventType) -> None:
    going.whole()
    mark = f'"type":"{of}"'.encode()
    going.events.remove(next(one for one in going.events if mark in one[1].entry))
    assert refused(going) == {"metadata" if of is EventType.DISPOSED else "history"}


def test_exception_that_was_left_out_is_missed(going: Disposing) -> None:
    going.whole()
    going.events = [one for one in going.events if b"disposal-excepted" not in one[1].entry]
    assert refused(going) == {"metadata"}


def test_list_that_is_not_the_one_proposed_is_refused(going: Disposing) -> None:
    going.propose()
    going.listed.pop(KEPT)
    going.decide()
    going.dispose(GONE)
    going.dispose(ALSO_GONE)
    going.certify()
    assert refused(going) == {"metadata"}


def test_content_exchanged_after_the_proposal_is_refused(going: Disposing) -> None:
    going.propose()
    going.listed[GONE]["sha256"] = "0" * 64
    going.decide()
    assert finish(going) == {"metadata"}


def test_id_that_could_hide_a_line_of_the_list_is_not_read(going: Disposing) -> None:
    """Two records and one whose id holds a line of the list would have the same digest."""
    hidden = f"{RECORDS[0]} {'0' * 64}\n{RECORDS[1]}"
    going.propose()
    going.listed[GONE]["record_id"] = hidden
    going.decide()
    assert finish(going) == {"metadata", "history"}


def test_numbers_that_were_certified_must_be_those_of_the_list(going: Disposing) -> None:
    going.propose()
    going.decide()
    going.carry_out()
    going.certify(disposed=3)
    assert refused(going) == {"metadata"}


def test_last_entry_must_certify_this_very_certificate(going: Disposing) -> None:
    other = Disposing(going.archive, OTHER_DISPOSAL).whole()
    going.whole()
    going.events[-1] = other.events[-1]
    told = failed(package_bytes(going.parts(evidence={"local": other.stamp()})), going.archive.trust())
    assert told == {"original", "history", "time-stamps", "trust"}


# Transfers


def test_transfer_without_a_receipt_is_refused(going: Disposing) -> None:
    going.action = "transfer"
    assert refused(going.whole()) == {"history"}


def test_transfer_received_only_after_records_had_gone_is_refused(going: Disposing) -> None:
    going.action = "transfer"
    going.propose()
    going.decide()
    going.carry_out()
    going.receive()
    going.certify()
    assert refused(going) == {"history"}


def test_receipt_of_something_that_was_to_be_destroyed_is_refused(going: Disposing) -> None:
    going.propose()
    going.decide()
    going.receive()
    assert finish(going) == {"history"}


def test_receipt_that_the_certificate_tells_otherwise_is_refused(going: Disposing) -> None:
    going.action = "transfer"
    going.propose()
    going.decide()
    going.receive()
    going.carry_out()
    going.certify(lambda certificate: certificate.update(receipt={**certificate["receipt"], "receiver": "ai đó"}))
    assert refused(going) == {"history"}


# Log and time


def test_package_named_after_another_disposal_is_refused(archive: SmallArchive, package: bytes) -> None:
    assert "history" in failed(repacked(package, {}, folder=OTHER_DISPOSAL), archive.trust())


def test_log_signed_by_another_key_is_refused(archive: SmallArchive, package: bytes, tmp_path: Path) -> None:
    stranger = SmallArchive(tmp_path)
    assert failed(package, replace(archive.trust(), log_keys=stranger.signer.verifier_keys)) == {"checkpoint"}


def test_time_stamp_over_the_certificate_without_its_entry_is_refused(going: Disposing) -> None:
    going.whole()
    assert going.paper
    evidence = going.archive.stamp_group([going.certificate, going.paper])
    told = failed(package_bytes(going.parts(evidence={"local": evidence})), going.archive.trust())
    assert told == {"time-stamps", "trust"}


def test_without_a_time_stamp_since_when_cannot_be_told(going: Disposing) -> None:
    told = verdicts(package_bytes(going.whole().parts(evidence={})), going.archive.trust())
    assert told["time-stamps"] is told["trust"] is Verdict.UNKNOWN
    assert Verdict.FAIL not in told.values()


def test_times_that_contradict_the_order_are_unknown(going: Disposing) -> None:
    going.propose()
    going.archive.clock.forward(dt.timedelta(hours=-5))
    going.decide()
    going.carry_out()
    going.certify()
    told = verdicts(package_bytes(going.parts()), going.archive.trust())
    assert told["history"] is Verdict.UNKNOWN
    assert Verdict.FAIL not in told.values()


@pytest.mark.parametrize("approver", [PROPOSER.upper(), f"{PROPOSER} ", COUNCIL[0].title()])
def test_capital_or_blank_makes_nobody_another_person(going: Disposing, approver: str) -> None:
    going.propose()
    going.decide(approver)
    assert finish(going) == {"history"}


def test_record_excepted_after_the_council_had_agreed_is_refused(going: Disposing) -> None:
    going.propose()
    for member in COUNCIL:
        going.vote(member)
    going.take_out(EXCEPTED)
    going.approve()
    going.carry_out()
    going.certify()
    assert refused(going) == {"history"}


@pytest.mark.parametrize("place", ["certificate", "record"])
def test_certificate_that_says_more_than_one_says_is_refused(going: Disposing, place: str) -> None:
    going.propose()
    going.decide()
    going.carry_out()
    going.certify(lambda said: (said if place == "certificate" else said["records"][0]).update({"note": "hợp lệ"}))
    assert {"metadata", "history"} <= refused(going)


def test_record_disposed_of_by_another_decision_is_refused(going: Disposing) -> None:
    going.propose()
    going.decide()
    going.dispose(GONE, approved_by="account:other")
    going.dispose(ALSO_GONE, action="transfer")
    going.listed[KEPT] |= {"state": "kept", "reason": "A hold has been placed on it."}
    going.certify()
    assert refused(going) == {"history"}
