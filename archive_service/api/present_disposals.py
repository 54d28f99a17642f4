"""Proposals for disposal, their records and estimates as the JSON that callers read."""

from __future__ import annotations

from typing import Any

from archive_service.api.present import BASE, disposal_links, instant
from archive_service.lifecycle.disposal.propose import Estimate, ProposalRequest
from archive_service.lifecycle.disposal.read import ListedRecord, ShownDisposal
from archive_service.model.disposals import Amount, CastVote, Disposal, DisposalItem, ItemState, Receipt, Tally
from archive_service.model.record import ContentDigest, Record
from retention.disposal import ProposalState


def disposal_json(shown: ShownDisposal) -> dict[str, Any]:
    """Return a proposal: who decided what, and what became of its records."""
    disposal, certified = shown.disposal, shown.certified
    sha256 = disposal.certificate_sha256
    # The register knows this much by itself, also where its log does not tell of the certificate.
    certificate: dict[str, Any] | None = None if sha256 is None else {"sha256": sha256}
    if certified is not None:
        certificate = _digest(certified.certificate)
    return {
        "id": disposal.id,
        "state": str(disposal.state),
        "action": str(disposal.action),
        "title": disposal.title,
        "office": disposal.office,
        "proposed_by": disposal.proposed_by,
        "proposed_at": instant(disposal.proposed_at),
        "council": sorted(disposal.council),
        "votes": [_vote(one) for one in disposal.votes],
        "approved_by": disposal.approved_by,
        "approved_at": instant(disposal.approved_at),
        "receipt": None if disposal.receipt is None else _receipt(disposal.receipt),
        "ended_at": instant(disposal.ended_at),
        "records": _tally(shown.tally),
        "not_exported": shown.not_exported,
        "locked_until": instant(shown.locked_until),
        "certificate": certificate,
        "paper": None if certified is None or certified.paper is None else _digest(certified.paper),
        "links": _links(disposal),
    }


def _links(disposal: Disposal) -> dict[str, str]:
    own = f"{BASE}/disposals/{disposal.id}"
    links = {"self": own, "records": f"{own}/records"}
    if disposal.state is ProposalState.DONE:
        links |= {name: link for name, link in disposal_links(disposal.id).items() if link != own}
    return links


def previewed_proposal_json(request: ProposalRequest, told: Estimate) -> dict[str, Any]:
    """Return what proposing would list."""
    return {
        "dry_run": True,
        "id": None,
        "action": str(request.selection.action),
        "title": request.title,
        "office": request.caller.office,
        "proposed_by": request.caller.person,
        "council": sorted(request.council),
        "estimate": {
            "by_class": [{"class": code, **_amount(one)} for code, one in sorted(told.by_class.items())],
            **_amount(told.total),
            "left_over": told.left_over,
            "proposed_elsewhere": told.proposed_elsewhere,
            "still_locked": told.still_locked,
            "proposable_from": None if told.proposable_from is None else told.proposable_from.isoformat(),
        },
    }


def listed_json(listed: ListedRecord) -> dict[str, Any]:
    """Return a row of a proposal's list: no subject, and what the record is only while it is there."""
    stands = {"locked_until": instant(listed.locked_until), "held": listed.held}
    return item_json(listed.item) | _described(listed.record) | stands


def item_json(item: DisposalItem) -> dict[str, Any]:
    """Return a record's place in a proposal."""
    kept = item.obstacle
    return {
        "record_id": item.record_id,
        "state": str(item.state),
        "class": item.class_code,
        "due_on": None if item.due_on is None else item.due_on.isoformat(),
        "size_bytes": item.size_bytes,
        "sha256": item.sha256,
        "changed_at": instant(item.changed_at),
        "reason": item.reason,
        "by": item.actor,
        "kept_because": None if kept is None else {"code": kept.code, "en": kept.en, "vi": kept.vi},
        "package_sha256": item.package_sha256,
    }


def _described(record: Record | None) -> dict[str, Any]:
    if record is None:
        return {"office": None, "result_type": None, "document_code": None}
    said = record.metadata
    return {"office": said.office, "result_type": said.result_type, "document_code": said.document_code}


def _vote(cast: CastVote) -> dict[str, Any]:
    return {"member": cast.member, "vote": str(cast.vote), "reason": cast.reason, "voted_at": instant(cast.voted_at)}


def _receipt(receipt: Receipt) -> dict[str, Any]:
    return {
        "receiver": receipt.receiver,
        "reference": receipt.reference,
        "received_on": receipt.received_on.isoformat(),
        "text": receipt.text,
    }


def _tally(tally: Tally) -> dict[str, Any]:
    amounts = {state: tally.by_state.get(state, Amount()) for state in ItemState}
    total = Amount(sum(one.records for one in amounts.values()), sum(one.size_bytes for one in amounts.values()))
    return {"total": _amount(total)} | {str(state): _amount(one) for state, one in amounts.items()}


def _amount(amount: Amount) -> dict[str, int]:
    return {"records": amount.records, "size_bytes": amount.size_bytes}


def _digest(of: ContentDigest) -> dict[str, Any]:
    return {"size_bytes": of.size_bytes, "sha256": of.sha256, "sha512": of.sha512}
