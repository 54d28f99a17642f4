"""Settings in, archive out: the only file that names concrete adapters."""

from __future__ import annotations

import datetime as dt
import os
import secrets
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from sqlalchemy import Engine

from archive_service.errors import Message, Misconfigured
from archive_service.evidence.signer import LogSigner, load_log_keys
from archive_service.faults import armed
from archive_service.lifecycle.log.continuity import ContinuousRegister, LogParts
from archive_service.model.archive import Archive, Rules
from archive_service.model.policy import FindingPolicy, policy_from
from archive_service.model.ports import Clock, ObjectStore, TimestampAuthority
from archive_service.pdf.reader import Limits, SandboxedPdfReader, TrustFolders
from archive_service.pdf.seal_key import DevicePlace, SealKey, device_key, file_key, made_key
from archive_service.pdf.sealer import AgencySealer, SealSetup
from archive_service.pdf.trust_folders import files_in
from archive_service.search.index_url import open_index
from archive_service.settings import Settings
from archive_service.storage.backup_place import BackupPlace
from archive_service.storage.log_key_file import open_log_keys
from archive_service.storage.register.register import SqlRegister
from archive_service.storage.staging import Staging
from archive_service.storage.store_url import open_store
from archive_service.trust.authorities import AuthoritySettings, open_authorities
from archive_verify.errors import Malformed
from archive_verify.notes import SignatureType, VerifierKey
from archive_verify.trust import read_keys, read_roots
from retention.locks import LockTerms, quarantine_lock_until


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
def open_archive(settings: Settings, *, pdf_processes: int | None = None, guarded: bool = True) -> Iterator[Archive]:
    """Open every part that the settings name, and close them all at the end.

    ``pdf_processes`` is how many PDFs are read at the same time; default: one a core. ``guarded``: the register
    refuses writes unless the log goes on in it; only what mends that is run without.
    Raises Misconfigured, Unavailable.
    """
    randomness = SystemRandomness()
    clock = SystemClock()
    if settings.register_url is None:
        settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    register = SqlRegister(settings.register, randomness, pool_size=settings.web_threads)
    limits = _limits(settings, pdf_processes or os.cpu_count() or 1)
    pdf = SandboxedPdfReader(limits, trust=_trust(settings))
    staging = Staging(settings.staging)
    try:
        signer = open_signer(settings)
        authorities = _authorities(settings, clock, randomness)
        sealing = _sealing(settings, authorities, clock)
        store = open_store(settings.store, lock_mode=settings.lock_mode, clock=clock, handed_over=settings.staging)
        parts = LogParts(register, store, signer, clock)
        archive = Archive(
            register=ContinuousRegister(parts) if guarded else register,
            store=store,
            index=open_index(settings.index, name=settings.index_name),
            pdf=pdf,
            staging=staging,
            clock=clock,
            randomness=randomness,
            signer=signer,
            policy=_policy(settings.finding_policy_file),
            rules=_rules(settings),
            witnesses=_witnesses(settings.witness_keys_file),
            authorities=authorities,
            second_store=_second_store(settings, clock),
            sealer=None if sealing is None else AgencySealer(pdf, staging, sealing),
            agency_roots=_agency_roots(settings.agency_trust_dir),
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


def has_current_register(settings: Settings) -> bool:
    """Whether the register is there and of this version's schema. Raises Misconfigured, Unavailable."""
    if settings.register_url is None and not settings.data_dir.exists():
        return False
    register = SqlRegister(settings.register, SystemRandomness(), pool_size=1)
    try:
        return register.is_current()
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
    # A register that is being restored has the keys of its log and not yet the log's key file of this host.
    with open_archive(settings, guarded=False) as archive:
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
        seal_font=str(settings.seal_font_file),
    )


def _trust(settings: Settings) -> TrustFolders:
    """Return the folders of trust. Raises Misconfigured for one that is not there: it was meant to be used."""
    named = {
        "ARCHIVE_AGENCY_TRUST_DIR": settings.agency_trust_dir,
        "ARCHIVE_TSA_TRUST_DIR": settings.tsa_trust_dir,
        "ARCHIVE_CRL_DIR": settings.crl_dir,
    }
    for name, folder in named.items():
        if folder is not None and not folder.is_dir():
            raise Misconfigured(Message(f"{name} names no folder.", f"{name} không chỉ đến thư mục nào."))
    return TrustFolders(*(None if folder is None else str(folder.resolve()) for folder in named.values()))


def _agency_roots(folder: Path | None) -> tuple[bytes, ...]:
    """Return the certificates in the folder (DER), for evidence packages. Raises Misconfigured."""
    try:
        files = files_in(None if folder is None else str(folder))
        return tuple(root for file in files for root in read_roots(file))
    except (OSError, Malformed) as wrong:
        raise Misconfigured(
            Message(
                f"ARCHIVE_AGENCY_TRUST_DIR cannot be used: {wrong} It holds certificates as PEM or DER.",
                f"Không dùng được ARCHIVE_AGENCY_TRUST_DIR: {wrong} Thư mục chỉ chứa chứng thư dạng PEM hoặc DER.",
            )
        ) from wrong


def _sealing(settings: Settings, authorities: Sequence[TimestampAuthority], clock: Clock) -> SealSetup | None:
    """Return how it is sealed; a seal's time is that of the first authority.

    None where there is no authority and results are not to be sealed: to want that without one is told as a mistake.
    """
    authority = next(iter(authorities), None)
    if authority is None and not settings.seal_results:
        return None
    return SealSetup(
        open_key=partial(_seal_key, settings, clock),
        authority=authority,
        agency=settings.seal_agency,
        font_file=str(settings.seal_font_file),
        max_bytes=settings.max_file_bytes,
    )


def _seal_key(settings: Settings, clock: Clock) -> SealKey:
    if settings.seal_device_module is not None:
        pin = settings.seal_device_pin
        return device_key(
            DevicePlace(
                settings.seal_device_module,
                settings.seal_device_token,
                settings.seal_device_label,
                None if pin is None else pin.get_secret_value(),
            ),
            _device_issuers(settings.seal_device_issuers_file),
        )
    if settings.seal_key_file is not None:
        passphrase = settings.seal_key_passphrase
        return file_key(settings.seal_key_file, None if passphrase is None else passphrase.get_secret_value())
    return made_key(settings.data_dir.resolve() / "test-seal-key", clock.now())


def _device_issuers(file: Path | None) -> tuple[bytes, ...]:
    """Return the certificates above that of the seal's device (DER). Raises Misconfigured."""
    try:
        return read_roots(file) if file is not None else ()
    except (OSError, Malformed) as wrong:
        raise Misconfigured(
            Message(
                "ARCHIVE_SEAL_DEVICE_ISSUERS_FILE cannot be used: it must hold certificates as PEM.",
                "Không dùng được ARCHIVE_SEAL_DEVICE_ISSUERS_FILE: tệp phải chứa các chứng thư dạng PEM.",
            ),
            code="seal-key-unusable",
        ) from wrong


def _rules(settings: Settings) -> Rules:
    return Rules(
        max_file_bytes=settings.max_file_bytes,
        quarantine_lock_days=settings.quarantine_lock_days,
        reservation_lease=dt.timedelta(seconds=settings.reservation_lease_seconds),
        low_confidence=settings.low_confidence,
        job_attempts=settings.job_attempts,
        checkpoint_interval=dt.timedelta(seconds=settings.checkpoint_seconds),
        maximum_merge_delay=dt.timedelta(seconds=settings.maximum_merge_delay_seconds),
        checkpoint_lock_days=settings.checkpoint_lock_days,
        timestamp_interval=dt.timedelta(seconds=settings.timestamp_seconds),
        timestamp_renewal=dt.timedelta(days=settings.timestamp_renewal_days),
        lock_mode=settings.lock_mode,
        audit_interval=dt.timedelta(days=settings.audit_days) if settings.audit_days else None,
        locks=LockTerms(settings.rolling_lock_days, settings.permanent_lock_years),
        council_size=settings.disposal_council_size,
        store_clock_bound=dt.timedelta(seconds=settings.store_clock_bound_seconds),
        seals_results=settings.seal_results,
    )


def _authorities(
    settings: Settings, clock: SystemClock, randomness: SystemRandomness
) -> tuple[TimestampAuthority, ...]:
    named = settings.timestamp_authorities
    return open_authorities(
        AuthoritySettings(
            named=named.get_secret_value() if named is not None else "",
            roots_dir=settings.timestamp_roots_dir,
            local_folder=settings.data_dir.resolve() / "test-timestamp-authority",
            timeout_seconds=settings.timestamp_timeout_seconds,
        ),
        clock,
        randomness,
    )


def open_signer(settings: Settings, *, make: bool = True) -> LogSigner:
    """Open the log's keys; with ``make`` a key file that no setting names is made when it is not there.

    Raises Misconfigured.
    """
    if settings.log_key is not None:
        keys = load_log_keys(settings.log_key.get_secret_value().encode())
    else:
        keys = open_log_keys(settings.log_keys, make=make and settings.log_key_file is None)
    return LogSigner(settings.log_origin, keys)


def _witnesses(file: Path | None) -> tuple[VerifierKey, ...]:
    """Return the witnesses' keys, all of the kinds that cosign."""
    if file is None:
        return ()
    try:
        keys = read_keys(file)
        if any(key.type is SignatureType.ED25519 for key in keys):
            raise Malformed("A witness has a key for cosignatures.")
    except (OSError, ValueError, Malformed) as wrong:
        raise Misconfigured(
            Message(
                f"ARCHIVE_WITNESS_KEYS_FILE cannot be used: {wrong} It holds one verifier key for cosignatures a line.",
                "Không dùng được ARCHIVE_WITNESS_KEYS_FILE: mỗi dòng là một khoá kiểm tra của người chứng kiến.",
            )
        ) from wrong
    return keys


def _second_store(settings: Settings, clock: SystemClock) -> ObjectStore | None:
    """Return where the audit finds good bytes for damaged ones: another store, or the place of backups."""
    if settings.second_store_url is None:
        return None
    return open_store(settings.second_store_url.get_secret_value(), lock_mode=settings.lock_mode, clock=clock)


def _policy(file: Path | None) -> FindingPolicy:
    """Return the archive's own policy, with the operator's lines in place of its own."""
    if file is None:
        return FindingPolicy()
    try:
        return policy_from(tomllib.loads(file.read_text(encoding="utf-8")))
    except (OSError, tomllib.TOMLDecodeError, ValueError, AttributeError, TypeError) as wrong:
        raise Misconfigured(
            Message(
                f"ARCHIVE_FINDING_POLICY_FILE cannot be used: {wrong}. Its table [outcomes] maps a finding's code to "
                "accept, quarantine or refuse; each table [[signatures]] says what signatures lead to.",
                f"Không dùng được ARCHIVE_FINDING_POLICY_FILE: {wrong}. Bảng [outcomes] gán mỗi mã phát hiện với "
                "accept, quarantine hoặc refuse; mỗi bảng [[signatures]] quy định cách xử lý chữ ký số.",
            )
        ) from wrong
