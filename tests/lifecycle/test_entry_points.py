"""No step can be reached without the permission it needs: each asks before it looks at anything."""

from __future__ import annotations

import dataclasses
import datetime as dt
import importlib
import inspect
import pkgutil
from collections.abc import Callable
from types import ModuleType
from typing import get_type_hints

import pytest

import archive_service.lifecycle
from archive_service.errors import NotAllowed
from archive_service.lifecycle import correct, deposit, find, prove, read, review, subjects
from archive_service.lifecycle.disposal import approve, propose, take_out, transfer, vote
from archive_service.lifecycle.disposal import read as read_disposals
from archive_service.lifecycle.disposal.give_out import disposal_package
from archive_service.lifecycle.disposal.report import report_disposals
from archive_service.lifecycle.evidence import give_out
from archive_service.lifecycle.log import cosign, follow
from archive_service.lifecycle.retention import adopt, explain, hold, report, tell
from archive_service.model.disposals import Receipt
from archive_service.model.permissions import Action, Caller
from archive_service.model.retention import EventScope
from archive_service.model.sealing import RenditionKind
from archive_service.model.subject import DatedIdentifier
from archive_service.model.units.disposals import DisposalSelection, ItemSelection
from archive_service.model.units.retention import StandingSelection
from retention.disposal import Vote
from retention.holds import HoldScope
from retention.schedule import Action as DisposalAction
from tests.archives import TestArchive
from tests.results import NOW, citizen, insurance, metadata, record_id

ONE, NUMBER, DAY = record_id(1), insurance("0123456789"), dt.date(2027, 1, 1)
DUE = propose.Selection(DisposalAction.DESTROY)
RECEIPT = Receipt("x", "x", NOW.date(), "x")
Step = Callable[[TestArchive, Caller], object]

STEPS: dict[str, tuple[Action, Step]] = {
    "deposit.deposit": (
        Action.DEPOSIT,
        lambda ours, c: deposit.deposit(ours.archive, dataclasses.replace(ours.command(), caller=c)),
    ),
    "correct.correct": (
        Action.CORRECT,
        lambda ours, c: correct.correct(ours.archive, correct.Correction(c, ONE, metadata(), "sai", '"1"')),
    ),
    "disposal.propose.estimate": (
        Action.PROPOSE_DISPOSAL,
        lambda ours, c: propose.estimate(ours.archive, c, DUE),
    ),
    "disposal.propose.preview": (
        Action.PROPOSE_DISPOSAL,
        lambda ours, c: propose.preview(ours.archive, propose.ProposalRequest(c, "x", DUE, frozenset())),
    ),
    "disposal.propose.propose": (
        Action.PROPOSE_DISPOSAL,
        lambda ours, c: propose.propose(ours.archive, propose.ProposalRequest(c, "x", DUE, frozenset())),
    ),
    "disposal.take_out.take_out": (
        Action.READ_DISPOSALS,
        lambda ours, c: take_out.take_out(ours.archive, c, "d", ONE, "x"),
    ),
    "disposal.vote.vote": (Action.VOTE_DISPOSAL, lambda ours, c: vote.vote(ours.archive, c, "d", Vote.AGREE)),
    "disposal.approve.approve": (Action.APPROVE_DISPOSAL, lambda ours, c: approve.approve(ours.archive, c, "d")),
    "disposal.transfer.export_item": (
        Action.PROPOSE_DISPOSAL,
        lambda ours, c: transfer.export_item(ours.archive, c, "d", ONE).__enter__(),
    ),
    "disposal.transfer.keep_receipt": (
        Action.PROPOSE_DISPOSAL,
        lambda ours, c: transfer.keep_receipt(ours.archive, c, "d", RECEIPT),
    ),
    "disposal.read.list_disposals": (
        Action.READ_DISPOSALS,
        lambda ours, c: read_disposals.list_disposals(ours.archive, c, DisposalSelection()),
    ),
    "disposal.read.show_disposal": (
        Action.READ_DISPOSALS,
        lambda ours, c: read_disposals.show_disposal(ours.archive, c, "d"),
    ),
    "disposal.read.list_items": (
        Action.READ_DISPOSALS,
        lambda ours, c: read_disposals.list_items(ours.archive, c, ItemSelection("d")),
    ),
    "disposal.report.report_disposals": (
        Action.READ_DISPOSALS,
        lambda ours, c: report_disposals(ours.archive, c),
    ),
    "disposal.read.open_certificate": (
        Action.READ_DISPOSALS,
        lambda ours, c: read_disposals.open_certificate(ours.archive, c, "d").__enter__(),
    ),
    "evidence.give_out.evidence_record": (
        Action.READ_RECORD,
        lambda ours, c: give_out.evidence_record(ours.archive, c, ONE, None),
    ),
    "evidence.give_out.evidence_package": (
        Action.READ_CONTENT,
        lambda ours, c: give_out.evidence_package(ours.archive, c, ONE).__enter__(),
    ),
    "disposal.give_out.disposal_package": (
        Action.READ_DISPOSALS,
        lambda ours, c: disposal_package(ours.archive, c, "d").__enter__(),
    ),
    "log.follow.receipt": (Action.READ_RECORD, lambda ours, c: follow.receipt(ours.archive, c, ONE)),
    "log.follow.proof": (Action.READ_RECORD, lambda ours, c: follow.proof(ours.archive, c, ONE)),
    "log.follow.consistency": (Action.FOLLOW_LOG, lambda ours, c: follow.consistency(ours.archive, c, 1, 1)),
    "log.follow.tile": (Action.FOLLOW_LOG, lambda ours, c: follow.tile(ours.archive, c, "0/000")),
    "log.follow.keys": (Action.FOLLOW_LOG, lambda ours, c: follow.keys(ours.archive, c)),
    "log.cosign.keep_cosignatures": (
        Action.COSIGN_LOG,
        lambda ours, c: cosign.keep_cosignatures(ours.archive, c, b""),
    ),
    "find.find": (Action.SEARCH, lambda ours, c: find.find(ours.archive, c, find.Search("x"))),
    "prove.verify_bytes": (Action.VERIFY, lambda ours, c: prove.verify_bytes(ours.archive, c, "a" * 64)),
    "read.show_record": (Action.READ_RECORD, lambda ours, c: read.show_record(ours.archive, c, ONE)),
    "read.open_content": (Action.READ_CONTENT, lambda ours, c: read.open_content(ours.archive, c, ONE)),
    "read.read_text": (Action.READ_CONTENT, lambda ours, c: read.read_text(ours.archive, c, ONE)),
    "read.show_signatures": (Action.READ_RECORD, lambda ours, c: read.show_signatures(ours.archive, c, ONE)),
    "read.list_events": (Action.READ_EVENTS, lambda ours, c: read.list_events(ours.archive, c, ONE, -1, 10)),
    "read.list_versions": (Action.READ_RECORD, lambda ours, c: read.list_versions(ours.archive, c, ONE)),
    "read.list_renditions": (Action.READ_RECORD, lambda ours, c: read.list_renditions(ours.archive, c, ONE)),
    "read.open_rendition": (
        Action.READ_CONTENT,
        lambda ours, c: read.open_rendition(ours.archive, c, ONE, RenditionKind.SEALED),
    ),
    "read.show_subject": (Action.SEARCH, lambda ours, c: read.show_subject(ours.archive, c, NUMBER)),
    "retention.adopt.adopt_schedule": (
        Action.ADOPT_SCHEDULE,
        lambda ours, c: adopt.adopt_schedule(ours.archive, c, b""),
    ),
    "retention.adopt.check_adoption": (
        Action.ADOPT_SCHEDULE,
        lambda ours, c: adopt.check_adoption(ours.archive, c, b""),
    ),
    "retention.adopt.show_schedule": (Action.READ_RETENTION, lambda ours, c: adopt.show_schedule(ours.archive, c, 1)),
    "retention.adopt.list_schedules": (Action.READ_RETENTION, lambda ours, c: adopt.list_schedules(ours.archive, c)),
    "retention.tell.tell_event": (
        Action.TELL_EVENT,
        lambda ours, c: tell.tell_event(
            ours.archive, tell.Happening(c, EventScope.RECORD, ONE, "last-payment", DAY, "x")
        ),
    ),
    "retention.tell.preview_event": (
        Action.TELL_EVENT,
        lambda ours, c: tell.preview_event(
            ours.archive, tell.Happening(c, EventScope.RECORD, ONE, "last-payment", DAY, "x")
        ),
    ),
    "retention.tell.withdraw_event": (
        Action.TELL_EVENT,
        lambda ours, c: tell.withdraw_event(ours.archive, c, "1", "x"),
    ),
    "retention.tell.list_events": (
        Action.READ_RETENTION,
        lambda ours, c: tell.list_events(ours.archive, c, EventScope.RECORD, ONE),
    ),
    "retention.hold.place_hold": (
        Action.PLACE_HOLD,
        lambda ours, c: hold.place_hold(ours.archive, hold.HoldOrder(c, HoldScope.RECORD, ONE, "o", "r", "l", DAY)),
    ),
    "retention.hold.preview_hold": (
        Action.PLACE_HOLD,
        lambda ours, c: hold.preview_hold(ours.archive, hold.HoldOrder(c, HoldScope.RECORD, ONE, "o", "r", "l", DAY)),
    ),
    "retention.hold.lift_hold": (Action.PLACE_HOLD, lambda ours, c: hold.lift_hold(ours.archive, c, "1", "x")),
    "retention.hold.review_hold": (
        Action.PLACE_HOLD,
        lambda ours, c: hold.review_hold(ours.archive, c, "1", DAY, "x"),
    ),
    "retention.hold.list_holds": (
        Action.READ_HOLDS,
        lambda ours, c: hold.list_holds(ours.archive, c, lifted=False, after="", limit=10),
    ),
    "retention.hold.show_hold": (Action.READ_HOLDS, lambda ours, c: hold.show_hold(ours.archive, c, "1")),
    "retention.explain.explain_record": (
        Action.READ_RETENTION,
        lambda ours, c: explain.explain_record(ours.archive, c, ONE),
    ),
    "retention.explain.list_standings": (
        Action.READ_RETENTION,
        lambda ours, c: explain.list_standings(ours.archive, c, StandingSelection(None, DAY)),
    ),
    "retention.report.report_due": (Action.READ_RETENTION, lambda ours, c: report.report_due(ours.archive, c)),
    "retention.report.report_forecast": (
        Action.READ_RETENTION,
        lambda ours, c: report.report_forecast(ours.archive, c),
    ),
    "retention.report.report_held": (Action.READ_HOLDS, lambda ours, c: report.report_held(ours.archive, c)),
    "retention.report.report_reviews": (Action.READ_HOLDS, lambda ours, c: report.report_reviews(ours.archive, c)),
    "review.list_quarantine": (
        Action.READ_QUARANTINE,
        lambda ours, c: review.list_quarantine(ours.archive, c, None, 10),
    ),
    "review.release": (Action.DECIDE_QUARANTINE, lambda ours, c: review.release(ours.archive, c, ONE, "x")),
    "review.reject": (Action.DECIDE_QUARANTINE, lambda ours, c: review.reject(ours.archive, c, ONE, "x")),
    "review.read_again": (Action.CORRECT, lambda ours, c: review.read_again(ours.archive, c, ONE)),
    "review.list_findings": (Action.READ_FINDINGS, lambda ours, c: review.list_findings(ours.archive, c, 0, 10)),
    "review.resolve_finding": (
        Action.RESOLVE_FINDING,
        lambda ours, c: review.resolve_finding(ours.archive, c, 1, "x"),
    ),
    "subjects.identify_subject": (
        Action.MERGE_SUBJECTS,
        lambda ours, c: subjects.identify_subject(
            ours.archive, c, NUMBER, DatedIdentifier(citizen("0" * 12)), "CCCD mới"
        ),
    ),
    "subjects.merge_subjects": (
        Action.MERGE_SUBJECTS,
        lambda ours, c: subjects.merge_subjects(ours.archive, c, NUMBER, citizen("0" * 12), "x"),
    ),
    "subjects.unmerge_subjects": (
        Action.MERGE_SUBJECTS,
        lambda ours, c: subjects.unmerge_subjects(ours.archive, c, 1, "x"),
    ),
}


@pytest.mark.parametrize("name", STEPS)
def test_a_caller_without_roles_is_not_allowed_and_nothing_is_looked_at_or_logged(ours: TestArchive, name: str) -> None:
    nobody, (action, step) = ours.caller(), STEPS[name]
    before = ours.register.read(lambda u: u.log.size())
    ours.faults.heal()
    with pytest.raises(NotAllowed) as told:
        step(ours, nobody)
    assert told.value.details == {"action": str(action)}
    assert ours.faults.calls == []
    assert ours.register.read(lambda u: u.log.size()) == before


def test_every_step_that_is_done_for_a_caller_is_in_the_list() -> None:
    """Whoever adds a step for callers adds it here, with the permission that it asks for."""
    prefix = "archive_service.lifecycle."
    names = [found.name for found in pkgutil.walk_packages(archive_service.lifecycle.__path__, prefix)]
    modules = {name.removeprefix(prefix): importlib.import_module(name) for name in names}
    found = {f"{stem}.{name}" for stem, module in modules.items() for name in steps_for_callers(module)}
    assert found == set(STEPS)


def steps_for_callers(module: ModuleType) -> list[str]:
    """Return the public functions of the module that take the archive and a caller, or a command of a caller."""
    return [
        name
        for name, function in vars(module).items()
        if inspect.isfunction(function)
        and function.__module__ == module.__name__
        and not name.startswith("_")
        and "archive" in inspect.signature(function).parameters
        and any(names_caller(hint) for given, hint in get_type_hints(function).items() if given != "return")
    ]


def names_caller(hint: object) -> bool:
    """Whether a parameter is the caller, or a command that carries it."""
    if hint is Caller:
        return True
    return isinstance(hint, type) and dataclasses.is_dataclass(hint) and "caller" in get_type_hints(hint)
