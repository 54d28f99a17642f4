"""Schedules, standings, events and holds as the JSON that callers read."""

from __future__ import annotations

import datetime as dt
import hashlib
from typing import Any

from archive_service.api.present import BASE, instant
from archive_service.lifecycle.retention.adopt import CheckedAdoption, Schedules
from archive_service.lifecycle.retention.asking import Run
from archive_service.lifecycle.retention.explain import Explained
from archive_service.lifecycle.retention.hold import PreviewedHold
from archive_service.lifecycle.retention.tell import PreviewedEvent
from archive_service.model.record import Record
from archive_service.model.retention import AdoptedSchedule, PlacedHold, Standing, ToldEvent, Withdrawal
from archive_service.model.units.retention import Covered
from retention.condition_json import condition_to_json
from retention.schedule import RetentionClass, Schedule
from retention.triggers import words_of


def schedules_json(found: Schedules) -> dict[str, Any]:
    """Return every schedule, which decides, and how far its run is."""
    return {
        "schedules": [schedule_json(one) for one in found.adopted],
        "deciding": found.deciding,
        "run": None if found.run is None else _run(found.run),
    }


def _run(run: Run) -> dict[str, Any]:
    return {
        "schedule": run.schedule or None,
        "done": run.done,
        "total": run.total,
        "changed": run.changed,
        "started_at": instant(dt.datetime.fromisoformat(run.started_at)),
        "ended_at": None if run.ended_at is None else instant(dt.datetime.fromisoformat(run.ended_at)),
    }


def schedule_json(adopted: AdoptedSchedule) -> dict[str, Any]:
    """Return an adopted schedule, without its file."""
    return {
        "number": adopted.number,
        **_schedule(adopted.schedule),
        "sha256": adopted.sha256,
        "adopted_by": adopted.adopted_by,
        "adopted_at": instant(adopted.adopted_at),
        "links": {"file": f"{BASE}/retention/schedules/{adopted.number}"},
    }


def checked_adoption_json(checked: CheckedAdoption, body: bytes) -> dict[str, Any]:
    """Return what adopting a file would do."""
    tried = {"dry_run": True, "adopted_before": checked.adopted is not None}
    if checked.adopted is not None:
        return schedule_json(checked.adopted) | tried
    nobody: dict[str, Any] = {"number": None, "adopted_by": None, "adopted_at": None, "links": {}}
    return nobody | _schedule(checked.schedule) | {"sha256": hashlib.sha256(body).hexdigest()} | tried


def _schedule(schedule: Schedule) -> dict[str, Any]:
    return {
        "id": schedule.id,
        "version": schedule.version,
        "title": {"en": schedule.title, "vi": schedule.title_vi},
        "valid_from": schedule.valid_from.isoformat(),
        "valid_to": _day(schedule.valid_to),
        "classes": len(schedule.classes),
        "rules": len(schedule.rules),
        "examples": sum(one.example for one in schedule.classes.values()),
    }


def explained_json(explained: Explained) -> dict[str, Any]:
    """Return where a record stands and why."""
    decision, written = explained.decision, explained.written
    retention_class = decision.retention_class
    return {
        "record_id": explained.record.id,
        "state": str(decision.state),
        "standing": str(decision.standing),
        "due_on": _day(decision.due_on),
        "kept_until": _day(decision.kept_until),
        "trigger_on": _day(decision.trigger_on),
        "class": None if retention_class is None else _class(retention_class),
        "schedule": {"id": decision.schedule.id, "version": decision.schedule.version},
        "reasons": [{"code": one.code, "en": one.en, "vi": one.vi} for one in explained.reasons],
        "holds": [hold_json(one) for one in explained.held_by],
        "locked_until": instant(explained.record.original.locked_until),
        "written": None if written is None else _written(written),
    }


def _class(said: RetentionClass) -> dict[str, Any]:
    return {
        "code": said.code,
        "title": {"en": said.title, "vi": said.title_vi},
        "legal_source": said.legal_source,
        "period": str(said.period),
        "trigger": said.trigger,
        "trigger_words": _words(said.trigger),
        "year_end": said.year_end,
        "action": str(said.action),
        "example": said.example,
    }


def _written(standing: Standing) -> dict[str, Any]:
    return {
        "standing": str(standing.standing),
        **_said(standing),
        "decided_at": instant(standing.decided_at),
        "look_again_at": instant(standing.look_again_at),
    }


def _said(standing: Standing) -> dict[str, Any]:
    return {
        "held": standing.held,
        "class": standing.class_code,
        "action": None if standing.action is None else str(standing.action),
        "trigger_on": _day(standing.trigger_on),
        "due_on": _day(standing.due_on),
    }


def standing_json(record: Record, standing: Standing, today: dt.date) -> dict[str, Any]:
    """Return one row of a list: what the record is, without its subject, and where it stands on the day."""
    return {
        "record_id": record.id,
        "office": record.metadata.office,
        "result_type": record.metadata.result_type,
        "document_code": record.metadata.document_code,
        "size_bytes": record.content.size_bytes,
        "state": str(standing.state_on(today)),
        "standing": str(standing.standing_on(today)),
        **_said(standing),
    }


def told_event_json(event: ToldEvent) -> dict[str, Any]:
    """Return an event as it was told; the target of a subject is its id."""
    return {
        "id": event.id,
        "scope": str(event.scope),
        "target": event.target,
        "trigger": event.trigger,
        "trigger_words": _words(event.trigger),
        "happened_on": event.happened_on.isoformat(),
        "source": event.source,
        "office": event.office,
        "told_by": event.told_by,
        "told_at": instant(event.told_at),
        "withdrawn": _end(event.withdrawn),
    }


def previewed_event_json(previewed: PreviewedEvent) -> dict[str, Any]:
    """Return what telling an event would do."""
    tried = {"dry_run": True, "stands": previewed.stands, "bears_on": covered_json(previewed.bears_on)}
    return told_event_json(previewed.event) | {"id": previewed.stands} | tried


def hold_json(placed: PlacedHold) -> dict[str, Any]:
    """Return a hold; the target of a subject is its id, that of a condition null."""
    hold = placed.hold
    return {
        "id": hold.id,
        "scope": str(hold.scope),
        "target": hold.target or None,
        "condition": None if hold.condition is None else condition_to_json(hold.condition),
        "owner": hold.owner,
        "reason": hold.reason,
        "legal_reference": hold.legal_reference,
        "review_on": hold.review_on.isoformat(),
        "office": placed.office,
        "placed_by": placed.placed_by,
        "placed_at": instant(placed.placed_at),
        "lifted": _end(placed.lifted),
    }


def previewed_hold_json(previewed: PreviewedHold) -> dict[str, Any]:
    """Return what placing a hold would do."""
    tried = {"dry_run": True, "stands": previewed.stands, "covers": covered_json(previewed.covers)}
    return hold_json(previewed.placed) | {"id": previewed.stands} | tried


def covered_json(covered: Covered) -> dict[str, int]:
    """Return how many records and bytes."""
    return {"records": covered.records, "size_bytes": covered.size_bytes}


def _end(end: Withdrawal | None) -> dict[str, Any] | None:
    return None if end is None else {"by": end.actor, "at": instant(end.at), "reason": end.reason}


def _words(trigger: str) -> dict[str, str]:
    words = words_of(trigger)
    return {"en": words.en, "vi": words.vi}


def _day(day: dt.date | None) -> str | None:
    return None if day is None else day.isoformat()
