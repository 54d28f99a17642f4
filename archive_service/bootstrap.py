"""Settings in, archive out: the only file that names concrete adapters."""

from __future__ import annotations

import datetime as dt
import os
import secrets
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine

from archive_service.errors import Message, Misconfigured
from archive_service.faults import armed
from archive_service.model.archive import Archive, Rules
from archive_service.model.findings import DEFAULT_OUTCOMES, FindingCode, FindingPolicy, Outcome
from archive_service.pdf.reader import Limits, SandboxedPdfReader
from archive_service.search.index_url import open_index
from archive_service.settings import Settings
from archive_service.storage.backup_place import BackupPlace
from archive_service.storage.register.register import SqlRegister
from archive_service.storage.staging import Staging
from archive_service.storage.store_url import open_store
from retention.locks import quarantine_lock_until


class SystemClock:
    """The machine's clock."""

    def now(self) -> dt.datetime:
        """Return the present instant in UTC."""
        return dt.datetime.now(dt.UTC)


class SystemRandomness:
    """The system's generator."""

    def token(self, size_bytes: int) -> bytes:
        """Return unpredictable bytes."""
        return secrets.token_bytes(size_bytes)


@contextmanager
def open_archive(settings: Settings, *, pdf_processes: int | None = None) -> Iterator[Archive]:
    """Open every part that the settings name, and close them all at the end.

    ``pdf_processes`` is how many PDFs are read at the same time; default: one a core.
    Raises Misconfigured, Unavailable.
    """
    randomness = SystemRandomness()
    clock = SystemClock()
    if settings.register_url is None:
        settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    register = SqlRegister(settings.register, randomness, pool_size=settings.web_threads)
    pdf = SandboxedPdfReader(_limits(settings, pdf_processes or os.cpu_count() or 1))
    try:
        archive = Archive(
            register=register,
            store=open_store(settings.store, lock_mode=settings.lock_mode, clock=clock, handed_over=settings.staging),
            index=open_index(settings.index, name=settings.index_name),
            pdf=pdf,
            staging=Staging(settings.staging),
            clock=clock,
            randomness=randomness,
            policy=_policy(settings.finding_policy_file),
            rules=_rules(settings),
        )
        yield armed(archive, settings.kill_at) if settings.kill_at else archive
    finally:
        pdf.close()
        register.close()


def upgrade_register(settings: Settings) -> None:
    """Bring the register's schema to this version; safe beside other processes. Raises Unavailable."""
    if settings.register_url is None:
        settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    register = SqlRegister(settings.register, SystemRandomness(), pool_size=1)
    try:
        register.upgrade()
    finally:
        register.close()


@dataclass(frozen=True, slots=True)
class Recovery:
    """What backups and restores need beside the archive: the register's database and the place of backups."""

    archive: Archive
    engine: Engine
    place: BackupPlace


@contextmanager
def open_recovery(settings: Settings, place_url: str, lock_days: int) -> Iterator[Recovery]:
    """Open the archive and a place of backups: a folder, or a store's URL as ``ARCHIVE_STORE_URL`` has it.

    What is put into the place is locked for that many days. The register's schema is left as it is.
    Raises Misconfigured, Unavailable.
    """
    url = place_url if ":" in place_url else f"file:{place_url}"
    database = None
    with open_archive(settings) as archive:
        try:
            database = SqlRegister(settings.register, SystemRandomness(), pool_size=2)
            store = open_store(url, lock_mode=settings.lock_mode, clock=archive.clock)
            until = quarantine_lock_until(archive.clock.now(), lock_days)
            yield Recovery(archive, database.engine, BackupPlace(store, archive.staging, until))
        finally:
            if database is not None:
                database.close()


def _limits(settings: Settings, processes: int) -> Limits:
    return Limits(
        max_pages=settings.max_pages,
        max_decoded_bytes=settings.max_decoded_bytes,
        memory_bytes=settings.check_memory_bytes,
        check_cpu_seconds=settings.check_cpu_seconds,
        check_wall_seconds=settings.check_wall_seconds,
        text_cpu_seconds=settings.text_cpu_seconds,
        text_wall_seconds=settings.text_wall_seconds,
        ocr_languages=settings.ocr_languages,
        ocr_dpi=settings.ocr_dpi,
        processes=processes,
    )


def _rules(settings: Settings) -> Rules:
    return Rules(
        max_file_bytes=settings.max_file_bytes,
        quarantine_lock_days=settings.quarantine_lock_days,
        reservation_lease=dt.timedelta(seconds=settings.reservation_lease_seconds),
        low_confidence=settings.low_confidence,
        job_attempts=settings.job_attempts,
    )


def _policy(file: Path | None) -> FindingPolicy:
    """Return the archive's own policy, with the operator's lines in place of its own."""
    if file is None:
        return FindingPolicy()
    try:
        lines = tomllib.loads(file.read_text(encoding="utf-8")).get("outcomes", {})
        changed = {FindingCode(code): Outcome(outcome) for code, outcome in lines.items()}
    except (OSError, tomllib.TOMLDecodeError, ValueError, AttributeError) as wrong:
        raise Misconfigured(
            Message(
                f"ARCHIVE_FINDING_POLICY_FILE cannot be used: {wrong}. Its table [outcomes] maps a finding's code to "
                "accept, quarantine or refuse.",
                f"Không dùng được ARCHIVE_FINDING_POLICY_FILE: {wrong}. Bảng [outcomes] gán mỗi mã phát hiện với "
                "accept, quarantine hoặc refuse.",
            )
        ) from wrong
    return FindingPolicy({**DEFAULT_OUTCOMES, **changed})
