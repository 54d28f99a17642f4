"""What must hold before anything is written: this register goes on from where the log's last checkpoint left it.

A register restored from a backup may lack entries that were published since. Whatever it wrote would give the log a
second, contradicting history. So it refuses writes until an operator has brought it up to the published checkpoint,
or has begun another log under another name. The same is asked of the log's keys: a key that nobody has heard of must
not sign in the name of the log.
"""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from archive_service.errors import ArchiveError, IntegrityFailure, Message, Misconfigured
from archive_service.lifecycle.log.published import newest_published
from archive_service.model.events import Event, EventType, Json
from archive_service.model.ports import Clock, LogSigning, ObjectStore, Register
from archive_service.model.units import RegisterUnit
from archive_service.model.units.log import LogKey
from archive_verify.checkpoint import parse_checkpoint
from archive_verify.notes import VerifierKey, parse_note, parse_verifier_key

T = TypeVar("T")

# Who begins a log and adopts its keys, in the log.
_ACTOR = "archive"

# How often a process looks into the store again, and how soon when it could not tell.
LOOK_AGAIN = dt.timedelta(seconds=60)
LOOK_SOON = dt.timedelta(seconds=2)

# The code of the error, which doctor and the entrances tell.
ROLLED_BACK = "register-rolled-back"


@dataclass(frozen=True, slots=True)
class LogParts:
    """What the question is asked of."""

    register: Register
    store: ObjectStore
    signer: LogSigning
    clock: Clock


def require_continuity(parts: LogParts) -> int:
    """Return the log's size when the register may be written to; the first time, begin the log and adopt its keys.

    Raises IntegrityFailure ``register-rolled-back`` when a larger checkpoint than the register's log was published;
    Misconfigured ``log-key-unknown`` when none of the log's keys is at hand; Unavailable when it could not be told.
    """
    size, known = parts.register.read(lambda unit: (unit.log.size(), unit.tree.all_keys()))
    published = newest_published(parts.store, parts.signer.origin, size)
    if published is not None:
        raise rolled_back(size, published)
    if _new_keys(parts.signer, known):
        parts.register.write(lambda unit: _adopt(parts, unit))
    return size


def _new_keys(signer: LogSigning, known: list[LogKey]) -> list[VerifierKey]:
    """Return the keys at hand that the register has not heard of. Raises Misconfigured when there are only such."""
    own = [(parse_verifier_key(one.verifier_key), one) for one in known]
    own = [(key, one) for key, one in own if key.name == signer.origin]
    active = {key for key, one in own if one.retired_at is None}
    if active and not active & set(signer.verifier_keys):
        raise Misconfigured(
            Message(
                f"The key file is not that of the log {signer.origin}: none of its keys is one of the log's. Put the "
                "log's key file in its place (ARCHIVE_LOG_KEY_FILE), the same for every process. If it is lost, see "
                "docs/evidence.md.",
                f"Tệp khoá không phải của nhật ký {signer.origin}: không có khoá nào thuộc nhật ký này. Hãy đặt đúng "
                "tệp khoá (ARCHIVE_LOG_KEY_FILE), giống nhau cho mọi tiến trình. Nếu đã mất, xem docs/evidence.md.",
            ),
            code="log-key-unknown",
        )
    heard = {key for key, _ in own}
    return [key for key in signer.verifier_keys if key not in heard]


def _adopt(parts: LogParts, unit: RegisterUnit) -> None:
    """Write down the new keys, and say so in the log; of two processes that meet, the second finds them there."""
    unit.tree.take_turn()
    known = unit.tree.all_keys()
    new = _new_keys(parts.signer, known)
    if not new:
        return
    now = parts.clock.now()
    for key in new:
        unit.tree.put_key(LogKey(key.text, now))
    begins = not any(parse_verifier_key(one.verifier_key).name == parts.signer.origin for one in known)
    values: dict[str, Json] = {"origin": parts.signer.origin, "added": [key.text for key in new]}
    if begins:
        values["follows"] = _followed(unit)
    unit.log.append(Event(EventType.LOG_BEGUN if begins else EventType.LOG_KEY_ROTATED, _ACTOR, now, None, values))


def _followed(unit: RegisterUnit) -> dict[str, Json] | None:
    """Return the last checkpoint of the log that this register kept before, under another name."""
    last = unit.tree.newest()
    if last is None:
        return None
    checkpoint = parse_checkpoint(parse_note(last.note.encode()).text)
    return {"origin": checkpoint.origin, "size": checkpoint.size, "root": checkpoint.root.hex()}


def rolled_back(size: int, published: int) -> IntegrityFailure:
    """Return the error for a register that has fewer entries than were published."""
    return IntegrityFailure(
        Message(
            f"The register is older than what the archive has published: its log has {size} entries, a checkpoint of "
            f"{published} is in the store. Nothing is written until an operator has restored a newer copy or run: "
            "archive-service log catch-up",
            f"Sổ đăng ký cũ hơn những gì hệ thống đã công bố: nhật ký có {size} mục, trong kho đã có điểm kiểm soát "
            f"{published} mục. Không ghi gì thêm cho đến khi quản trị viên phục hồi bản mới hơn hoặc chạy: "
            "archive-service log catch-up",
        ),
        code=ROLLED_BACK,
        log_size=size,
        published_size=published,
    )


class _WentBack(Exception):
    """The log has fewer entries than this process has seen in it."""

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self.size = size


class ContinuousRegister:
    """A register that refuses writes unless the log goes on in it. Implements ``Register``.

    Each process looks at its first write and then every minute, so that depositing costs nothing more; and at once when
    it is about to add to a log that is shorter than it has seen it: a register was put back under the running process.
    What could not be told then or at first is refused as Unavailable; later the last answer stands until there is a
    new one.
    """

    def __init__(self, parts: LogParts) -> None:
        self._parts = parts
        self._register = parts.register
        self._looking = threading.Lock()
        self._look_at: dt.datetime | None = None
        self._refusal: ArchiveError | None = None
        self._told = False
        # The greatest size of the log that was seen committed.
        self._seen = 0
        self._counting = threading.Lock()

    def write(self, work: Callable[[RegisterUnit], T]) -> T:
        """Write, if the log goes on here: see Register.write. Raises what ``require_continuity`` raises."""
        while True:
            self._require()
            try:
                return self._write(work)
            except _WentBack as found:
                self._distrust(found.size)

    def read(self, work: Callable[[RegisterUnit], T]) -> T:
        """Read: see Register.read."""
        return self._register.read(work)

    def check_ready(self) -> None:
        """Return when the register answers and may be written to: see Register.check_ready."""
        self._register.check_ready()
        try:
            self._require()
        except ArchiveError as refusal:
            # What did not answer tells for itself; the register is not what is wrong.
            if not refusal.retryable:
                raise

    def _write(self, work: Callable[[RegisterUnit], T]) -> T:
        """Write, and remember how far the log has come. Raises _WentBack, with nothing written."""
        reached = 0

        def told(before: int, after: int) -> None:
            nonlocal reached
            if before < self._seen:
                raise _WentBack(before)
            reached = after

        def watched(unit: RegisterUnit) -> T:
            unit.log.watch(told)
            return work(unit)

        result = self._register.write(watched)
        with self._counting:
            self._seen = max(self._seen, reached)
        return result

    def _distrust(self, size: int) -> None:
        """Let nobody write before there is a new answer, unless there was one since the log was found that short."""
        with self._looking:
            if size < self._seen:
                self._look_at = None
                self._told = False

    def _require(self) -> None:
        now = self._parts.clock.now()
        # While nothing was ever told everybody waits for the answer; later one asks, and the others go on meanwhile.
        if self._is_due(now) and self._looking.acquire(blocking=not self._told):
            try:
                if self._is_due(now):
                    self._look(now)
            finally:
                self._looking.release()
        if self._refusal is not None:
            # Raised many times: without this it would carry every place where it was.
            raise self._refusal.with_traceback(None)

    def _is_due(self, now: dt.datetime) -> bool:
        return self._look_at is None or now >= self._look_at

    def _look(self, now: dt.datetime) -> None:
        """Ask, and write the answer down before when to ask again: who finds nothing due finds the answer."""
        again = LOOK_SOON
        try:
            size = require_continuity(self._parts)
        except ArchiveError as refusal:
            if not refusal.retryable or not self._told:
                self._refusal = refusal
                self._told = not refusal.retryable
        else:
            if not self._told:
                # It goes on from here, also where what was in no checkpoint is gone.
                self._seen = size
            self._refusal = None
            self._told = True
            again = LOOK_AGAIN
        self._look_at = now + again
