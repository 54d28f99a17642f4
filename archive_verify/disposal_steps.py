"""Steps 2, 4 and 7 of a disposal's package: what was certified, what became of each record, and who decided it.

What no package shows: that no copy of a record is left anywhere. It proves that the archive has said so, when, in front
of witnesses, and that it went about it by the rules.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections import Counter
from itertools import pairwise
from typing import Any

from archive_verify.contents import CERTIFICATE, PAPER, Entry, entries
from archive_verify.disposal import Disposal, Kind, Listed, State, read_disposal
from archive_verify.errors import Refused, Undecided
from archive_verify.log_history import CLOCK_SKEW
from archive_verify.package import Package
from archive_verify.record_steps import require_digests, require_time_order
from archive_verify.trust import Trust
from archive_verify.verdicts import Findings

_ACTIONS = ("destroy", "transfer")
_RECEIPT_SAYS = ("receiver", "reference", "received_on", "text")

# A day begins somewhere 14 hours before it does in UTC (Kiribati): before that no rule can have been due.
_EARLIEST_ZONE = dt.timedelta(hours=14)


def certificate_is_the_one_certified(package: Package, _: Trust, findings: Findings) -> None:
    """Step 2: certificate and paper have the digests and sizes that the last entry, of their certifying, commits to."""
    certified = entries(package)[-1]
    if certified.type != Kind.CERTIFIED:
        raise Refused("The last entry is not that of certifying the disposal.")
    with findings.part():
        require_digests(package, CERTIFICATE, certified.values["certificate"])
    with findings.part():
        if (paper := certified.values["paper"]) is not None:
            require_digests(package, PAPER, paper)
        elif PAPER in package:
            raise Refused("There is a paper, but the entry of certifying states none.")


def records_are_those_committed(package: Package, _: Trust, findings: Findings) -> None:
    """Step 4: the list is the one that was decided on, and of each record the certificate says what entries say."""
    told = read_disposal(package)
    with findings.part():
        _require_list(told)
    with findings.part():
        _require_counts(told)
    with findings.part():
        _require_exceptions(told)
    disposed = {entry.index: entry for entry in told.of(Kind.DISPOSED)}
    for record in told.certificate.records:
        if record.entry is not None:
            with findings.part():
                _require_disposed(record, disposed.pop(record.entry, None), told.id)
    findings.refused += [
        f"Entry {index} disposes of a record otherwise than the certificate says." for index in disposed
    ]
    findings.notes.append("The records' own metadata went with them: there are none here to judge.")


def disposal_went_by_the_rules(package: Package, _: Trust, findings: Findings) -> None:
    """Step 7: proposed, agreed to by the whole council, approved by somebody else, carried out then and when due."""
    told = read_disposal(package)
    for require in (
        _require_one_disposal,
        _require_proposal,
        _require_votes,
        _require_approval,
        _require_carried_out,
        _require_receipt,
        _require_times,
    ):
        with findings.part():
            require(told)
    with findings.part():
        require_time_order(told.entries)
    with findings.part():
        findings.notes.append(_summary(told))


def _require_list(told: Disposal) -> None:
    """Raise Refused unless the records are those of the proposal, none more and none less."""
    records, proposed = told.certificate.records, told.only(Kind.PROPOSED).values
    lines = "".join(sorted(f"{record.record_id} {record.sha256}\n" for record in records))
    if len(records) != proposed["records"] or hashlib.sha256(lines.encode()).hexdigest() != proposed["list_sha256"]:
        raise Refused("The certificate does not list exactly the records that were proposed.")


def _require_counts(told: Disposal) -> None:
    records, certified = told.certificate.records, told.only(Kind.CERTIFIED).values
    counted = Counter(record.state for record in records)
    by_state = {str(state): counted[state] for state in State}
    if told.certificate.counts != {"proposed": len(records), **by_state}:
        raise Refused("The certificate's numbers are not those of its list.")
    if {"records": len(records), **by_state} != {name: certified[name] for name in ("records", *by_state)}:
        raise Refused("The numbers that were certified are not those of the certificate's list.")


def _require_exceptions(told: Disposal) -> None:
    """Raise Refused unless entries say of exactly the excepted records that they are, for the same reasons."""
    logged, certificate = sorted(told.excepted()), told.certificate
    if logged != sorted(certificate.exceptions) or [one for one, _ in logged] != sorted(
        certificate.ids(State.EXCEPTED)
    ):
        raise Refused("The certificate does not say of the excepted records what the log says.")


def _require_disposed(record: Listed, entry: Entry | None, disposal: str) -> None:
    """Raise Refused unless the entry is that of this record's disposal, and says the same of it."""
    if entry is None:
        raise Refused(f"Entry {record.entry}, the disposal of record {record.record_id}, is not in the package.")
    if entry.record != record.record_id or entry.values["disposal"] != disposal:
        raise Refused(f"Entry {entry.index} is not that of the disposal of record {record.record_id}.")
    says = (record.sha256, record.size_bytes, record.retention_class, record.due_on)
    if says != tuple(entry.values[name] for name in ("sha256", "size_bytes", "class", "due_on")):
        raise Refused(f"The certificate says other things of record {record.record_id} than its entry.")


def _require_one_disposal(told: Disposal) -> None:
    """Raise Refused unless the entries are of this disposal, from its proposal to its certificate."""
    for kind in (Kind.PROPOSED, Kind.APPROVED, Kind.CERTIFIED):
        told.only(kind)
    if told.entries[0].type != Kind.PROPOSED or told.entries[-1].type != Kind.CERTIFIED:
        raise Refused("The first entry must be the proposal, the last one that of certifying.")
    if told.certificate.disposal != told.id:
        raise Refused("The certificate is of another disposal than the package is named after.")
    for entry in told.entries:
        if entry.type not in set(Kind):
            raise Refused(f"Entry {entry.index} is not one of a disposal.")
        if entry.values["disposal"] != told.id or (entry.record is None) == (entry.type == Kind.DISPOSED):
            raise Refused(f"Entry {entry.index} is not about this disposal.")


def _require_proposal(told: Disposal) -> None:
    proposed = told.only(Kind.PROPOSED).values
    for name in ("action", "title", "office", "proposed_by"):
        _require_same(name, getattr(told.certificate, name), proposed[name])
    if told.certificate.action not in _ACTIONS:
        raise Refused("What was proposed is no disposal.")


def _require_votes(told: Disposal) -> None:
    """Raise Refused unless every member of the council has agreed, once, and nobody else has voted."""
    proposed = told.only(Kind.PROPOSED).values
    votes = [entry.values for entry in told.of(Kind.VOTED)]
    voted = sorted(vote["member"] for vote in votes)
    if not voted or voted != sorted(set(proposed["council"])) or len(voted) != len(proposed["council"]):
        raise Refused("Not each member of the council, and nobody else, has voted once.")
    if len({_person(member) for member in voted}) != len(voted):
        raise Refused("A member of the council has voted under two spellings of one name.")
    if _person(proposed["proposed_by"]) in map(_person, voted):
        raise Refused("Who proposed the disposal has voted on it.")
    if any(vote["vote"] != "agree" for vote in votes):
        raise Refused("Not every member of the council has agreed.")
    logged = sorted((vote["member"], vote["vote"], vote["reason"]) for vote in votes)
    _require_same("vote", sorted((one.member, one.vote, one.reason) for one in told.certificate.votes), logged)


def _require_approval(told: Disposal) -> None:
    """Raise Refused unless somebody has approved who neither proposed nor voted, after the last vote."""
    approval, proposed = told.only(Kind.APPROVED), told.only(Kind.PROPOSED).values
    approver = approval.values["approved_by"]
    if _person(approver) in map(_person, (proposed["proposed_by"], *proposed["council"])):
        raise Refused("Who approved the disposal has proposed it or voted on it.")
    last_vote = max(entry.index for entry in told.of(Kind.VOTED))
    if last_vote > approval.index:
        raise Refused("The disposal was approved before the last vote.")
    if any(entry.index > last_vote for entry in told.of(Kind.EXCEPTED)):
        raise Refused("A record was excepted after the council had agreed to the list.")
    _require_same("approver", told.certificate.approved_by, approver)


def _person(name: str) -> str:
    """Return a person's name as it is compared: a capital or a blank makes nobody another person."""
    return name.strip().casefold()


def _require_carried_out(told: Disposal) -> None:
    """Raise Refused unless records went after the approval, when due, and none that was excepted."""
    approved, excepted = told.only(Kind.APPROVED).index, dict(told.excepted())
    seen: set[str | None] = set()
    for entry in told.of(Kind.DISPOSED):
        if entry.index < approved:
            raise Refused(f"Record {entry.record} was disposed of before that was approved.")
        if entry.record in excepted:
            raise Refused(f"Record {entry.record} was disposed of, although it had been excepted.")
        for name in ("action", "proposed_by", "approved_by"):
            if entry.values.get(name, getattr(told.certificate, name)) != getattr(told.certificate, name):
                raise Refused(f"Record {entry.record} was disposed of by another decision: its {name} differs.")
        if entry.record in seen:
            raise Refused(f"Record {entry.record} was disposed of twice.")
        if dt.date.fromisoformat(entry.values["due_on"]) > (entry.at + _EARLIEST_ZONE).date():
            raise Refused(f"Record {entry.record} was disposed of before it was due.")
        seen.add(entry.record)


def _require_receipt(told: Disposal) -> None:
    """Raise Refused unless a transfer was received, after its approval and before a record went; and nothing else."""
    receipts, stated = told.of(Kind.RECEIVED), told.certificate.receipt
    if told.certificate.action != "transfer":
        if receipts or stated is not None:
            raise Refused("There is a receipt of a transfer, although nothing was to be transferred.")
        return
    received = told.only(Kind.RECEIVED)
    if stated != {name: received.values[name] for name in _RECEIPT_SAYS}:
        raise Refused("The certificate does not say of the transfer what its receipt says.")
    if (packages := received.values.get("packages_sha256")) is not None:
        handed_over = [one for one in told.certificate.records if one.state is not State.EXCEPTED]
        lines = "".join(sorted(f"{one.record_id} {one.transferred_sha256}\n" for one in handed_over))
        if hashlib.sha256(lines.encode()).hexdigest() != packages:
            raise Refused("The packages that were handed over are not those of the receipt.")
    gone = [entry.index for entry in told.of(Kind.DISPOSED)]
    if received.index < told.only(Kind.APPROVED).index or any(index < received.index for index in gone):
        raise Refused("The transfer was received before its approval, or after a record had gone.")


def _require_times(told: Disposal) -> None:
    """Raise Undecided where the certificate's times contradict the order of the log: which clock was wrong is not told.

    A proposal may have taken long to write down before its entry, and a record to be deleted after its own.
    """
    certificate, certified = told.certificate, told.only(Kind.CERTIFIED).at
    _require_order(certificate.proposed_at, told.only(Kind.PROPOSED).at)
    voted_at = {entry.values["member"]: entry.at for entry in told.of(Kind.VOTED)}
    for vote in certificate.votes:
        _require_order(vote.voted_at, voted_at[vote.member], vote.voted_at)
    _require_order(certificate.approved_at, told.only(Kind.APPROVED).at, certificate.approved_at)
    begun_at = {entry.index: entry.at for entry in told.of(Kind.DISPOSED)}
    for record in certificate.records:
        if record.entry in begun_at and record.disposed_at is not None:
            _require_order(begun_at[record.entry], record.disposed_at, certified)


def _require_order(*times: dt.datetime) -> None:
    if any(later < earlier - CLOCK_SKEW for earlier, later in pairwise(times)):
        raise Undecided(
            f"The certificate states a time that contradicts its entry: {', '.join(map(str, times))} are not in order."
        )


def _require_same(name: str, stated: Any, logged: Any) -> None:
    if stated != logged:
        raise Refused(f"The certificate says another {name} than the log.")


def _summary(told: Disposal) -> str:
    proposed, certificate = told.only(Kind.PROPOSED), told.certificate
    return (
        f"Proposed by {proposed.values['proposed_by']} on {proposed.at:%Y-%m-%d}, agreed to by "
        f"{', '.join(proposed.values['council'])}, approved by {told.only(Kind.APPROVED).values['approved_by']}: "
        f"{len(certificate.ids(State.DISPOSED))} of {len(certificate.records)} records disposed of."
    )
