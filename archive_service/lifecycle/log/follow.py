"""What auditors and depositors are given of the log: checkpoints, proofs, receipts, tiles, keys.

All of it is of the newest checkpoint that is in the locked store; what is not in a checkpoint yet is not proven yet.
"""

from __future__ import annotations

from archive_service.errors import InvalidInput, Message, NotFound
from archive_service.evidence.tiles import TileAddress, entry_bundle, parse_tile_address
from archive_service.evidence.tree import TILE_HEIGHT, TILE_WIDTH, Tree
from archive_service.lifecycle.evidence.receipts import first_entry, require_receipt, sign_receipt
from archive_service.lifecycle.log.inclusion import covering_checkpoint, inclusion_proof, note_of, published_checkpoint
from archive_service.lifecycle.visible import require_known, require_visible
from archive_service.model.archive import Archive
from archive_service.model.events import Event, EventType, LoggedEvent
from archive_service.model.identifiers import RecordId
from archive_service.model.permissions import Action, Caller, require
from archive_service.model.units import RegisterUnit
from archive_service.model.units.log import LogKey
from archive_verify.errors import Malformed
from archive_verify.merkle import HASH_BYTES


def checkpoint(archive: Archive) -> str:
    """Return the newest published checkpoint with its cosignatures: for anybody. Raises NotFound before the first."""
    return archive.register.read(lambda unit: note_of(unit, published_checkpoint(unit)))


def receipt(archive: Archive, caller: Caller, record_id: RecordId) -> str:
    """Return the record's signed receipt, the same as at its deposit.

    Raises NotAllowed; NotFound, also for a record whose deposit the log does not tell; Gone ``disposed``.
    """
    require(caller, Action.READ_RECORD)

    def look(unit: RegisterUnit) -> str:
        require_visible(unit, caller, record_id)
        return sign_receipt(archive, require_receipt(unit, record_id))

    signed = archive.register.read(look)
    _log(archive, caller, record_id, "receipt")
    return signed


def proof(archive: Archive, caller: Caller, record_id: RecordId, index: int | None = None) -> bytes:
    """Return the proof (C2SP tlog-proof) that the record's deposit, or its entry of that index, is in the log.

    Also of a record that was disposed of: its entries stay. A checkpoint that a witness signed is preferred to a newer
    one that none has signed yet. Raises NotAllowed, NotFound; Conflict ``not-yet-in-checkpoint`` when it is to be asked
    for again later.
    """
    require(caller, Action.READ_RECORD)

    def look(unit: RegisterUnit) -> bytes:
        require_known(unit, caller, record_id)
        entry = _entry(unit, record_id, index)
        return inclusion_proof(unit, entry.index, covering_checkpoint(archive, unit, entry.index))

    made = archive.register.read(look)
    _log(archive, caller, record_id, "proof")
    return made


def consistency(archive: Archive, caller: Caller, earlier: int, later: int) -> list[bytes]:
    """Return the proof that the tree of ``later`` entries extends that of ``earlier`` ones.

    Raises NotAllowed; InvalidInput for sizes that are none, or not in a published checkpoint.
    """
    require(caller, Action.FOLLOW_LOG)

    def look(unit: RegisterUnit) -> list[bytes]:
        if not 0 < earlier <= later <= published_checkpoint(unit).size:
            raise InvalidInput(
                Message(
                    "from and to are sizes of the log: 1 ≤ from ≤ to ≤ the size of the newest checkpoint.",
                    "from và to là kích thước nhật ký: 1 ≤ from ≤ to ≤ kích thước của điểm kiểm soát mới nhất.",
                )
            )
        return Tree(unit.tree, later).consistency_proof(earlier)

    return archive.register.read(look)


def tile(archive: Archive, caller: Caller, address: str) -> bytes:
    """Return a tile of hashes, or a bundle of entries, by its address after ``tile/`` (C2SP tlog-tiles).

    Raises NotAllowed; NotFound for what is no address, or not within a published checkpoint.
    """
    require(caller, Action.FOLLOW_LOG)
    try:
        wanted = parse_tile_address(address)
    except Malformed as wrong:
        raise _no_tile() from wrong
    return archive.register.read(lambda unit: _tile(unit, wanted))


def keys(archive: Archive, caller: Caller) -> list[LogKey]:
    """Return every key that signs the log, or has signed it. Raises NotAllowed."""
    require(caller, Action.FOLLOW_LOG)
    return archive.register.read(lambda unit: unit.tree.all_keys())


def _entry(unit: RegisterUnit, record_id: RecordId, index: int | None) -> LoggedEvent:
    if index is None:
        found = first_entry(unit, record_id)
    else:
        found = next((one for one in unit.log.of_record(record_id, index - 1, 1) if one.index == index), None)
    if found is None:
        raise NotFound(
            Message(
                "The record has no log entry of that index. Take an index from the record's events "
                "(GET /records/{id}/events), or leave it out for the entry of the deposit.",
                "Tài liệu không có mục nhật ký mang số này. Hãy lấy số từ danh sách sự kiện của tài liệu "
                "(GET /records/{id}/events), hoặc bỏ trống để lấy mục của lần nộp.",
            )
        )
    return found


def _tile(unit: RegisterUnit, wanted: TileAddress) -> bytes:
    level = wanted.level or 0
    there = (published_checkpoint(unit).size >> (TILE_HEIGHT * level)) - wanted.number * TILE_WIDTH
    if there < wanted.width:
        raise _no_tile()
    if wanted.level is None:
        return entry_bundle(unit.log.entry_bytes(wanted.number * TILE_WIDTH, wanted.width))
    return unit.tree.hashes(level, wanted.number)[: wanted.width * HASH_BYTES]


def _no_tile() -> NotFound:
    return NotFound(
        Message(
            "There is no such tile in the newest checkpoint. Take its size from GET /log/checkpoint, and the tiles of "
            "a log of that size as C2SP tlog-tiles names them.",
            "Không có mảnh này trong điểm kiểm soát mới nhất. Hãy lấy kích thước từ GET /log/checkpoint rồi yêu cầu "
            "các mảnh của nhật ký có kích thước đó theo C2SP tlog-tiles.",
        )
    )


def _log(archive: Archive, caller: Caller, record_id: RecordId, what: str) -> None:
    event = Event(EventType.RECORD_READ, caller.id, archive.clock.now(), record_id, {"what": what})
    archive.register.write(lambda unit: unit.log.append(event))
