"""The log entry of a record's deposit, and the receipt that is made of it at every time it is asked for.

Not a step itself: depositing answers with it, and it may be asked for later. Whatever the receipt states stands in
the entry and its payload, so that its text is always the same.
"""

from __future__ import annotations

from archive_service.errors import Message, NotFound
from archive_service.evidence.entry import is_deposit
from archive_service.evidence.receipt import Receipt
from archive_service.model.archive import Archive
from archive_service.model.events import LoggedEvent
from archive_service.model.identifiers import RecordId
from archive_service.model.record import ContentDigest
from archive_service.model.units import RegisterUnit


def first_entry(unit: RegisterUnit, record_id: RecordId) -> LoggedEvent | None:
    """Return the entry of the record's coming to be, whether its payload is still there or not; None for no record.

    It is that of its deposit: nothing is logged of an id that was not answered for but refusals, and a refused id is
    never used again. In a register made anew from the store, whose log does not tell of the deposit, it is the one
    that says so.
    """
    return next(iter(unit.log.of_record(record_id, -1, 1)), None)


def deposit_entry(unit: RegisterUnit, record_id: RecordId) -> LoggedEvent | None:
    """Return the entry of the record's deposit; None where the log does not tell of it."""
    first = first_entry(unit, record_id)
    return first if first is not None and is_deposit(first.entry) else None


def find_receipt(unit: RegisterUnit, record_id: RecordId) -> Receipt | None:
    """Return what was taken; None where the log does not tell (a register made anew, or an erased payload)."""
    logged = deposit_entry(unit, record_id)
    return None if logged is None else receipt_of(record_id, logged)


def receipt_of(record_id: RecordId, logged: LoggedEvent) -> Receipt | None:
    """Return what was taken by the entry of a deposit; None where its payload was erased."""
    if logged.event is None:
        return None
    values = logged.event.values
    return Receipt(
        record_id,
        ContentDigest(int(str(values["size_bytes"])), str(values["sha256"]), str(values["sha512"])),
        str(values["idempotency_key_sha256"]),
        logged.index,
        logged.entry,
        logged.event.at,
        int(str(values["maximum_merge_delay_seconds"])),
    )


def require_receipt(unit: RegisterUnit, record_id: RecordId) -> Receipt:
    """Return what was taken. Raises NotFound ``no-receipt`` where the log does not tell."""
    found = find_receipt(unit, record_id)
    if found is None:
        raise NotFound(
            Message(
                "The log does not tell of this record's deposit: the register was made anew. Ask for its proof: it is "
                "of the entry that is there. The depositor's own copy of the receipt stays good.",
                "Nhật ký không có nội dung lần nộp của tài liệu này: sổ đăng ký đã được dựng lại. Hãy yêu cầu bằng "
                "chứng (proof) của mục nhật ký hiện có. Biên nhận mà bên nộp đang giữ vẫn có giá trị.",
            ),
            code="no-receipt",
        )
    return found


def sign_receipt(archive: Archive, receipt: Receipt) -> str:
    """Return the signed receipt: the same text always, and the same signature while the log has the same key."""
    return archive.signer.sign_text(receipt.text).data.decode()
