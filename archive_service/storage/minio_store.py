"""Keeps objects on an S3 server with Object Lock (``s3+http:`` and ``s3+https:`` URLs).

Through the ``minio`` client; proven on MinIO and versitygw, and by a canary wherever it runs. An object is
written in one create-only request, with its lock in the final mode, because a mode cannot be raised later
without a bypass; it is then read back by version. Never sends the header that bypasses governance, never
deletes without naming a version.

Amazon S3 User Guide, "Locking objects with Object Lock"; RFC 9110 §13.1.2 (If-None-Match).
"""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import urllib3
from minio import Minio
from minio.error import S3Error
from minio.retention import Retention

from archive_service.errors import IntegrityFailure, NotFound, Unavailable, unavailable
from archive_service.model.ports import Clock, LockTrial, NewObject, Protection
from archive_service.model.record import ContentDigest, ObjectVersion
from archive_service.storage import lock_canary
from archive_service.storage.digests import BLOCK_BYTES, digest_of, digest_of_blocks
from archive_service.storage.s3_address import S3Address
from archive_service.storage.s3_connections import connections
from archive_service.storage.s3_errors import (
    DENIED,
    EXISTS,
    LOCKED,
    RANGE_AFTER_END,
    answer_to,
    never_arrived,
    s3_errors,
    without_object_lock,
)
from archive_service.storage.s3_requests import S3Requests, SourceDiffers
from archive_service.storage.store_answers import (
    in_whole_seconds,
    object_locked,
    require_key,
    source_differs,
    stored_differs,
)

CONNECT_SECONDS = 3.0
WAIT_SECONDS = 30.0
# A second attempt finds what a lost answer hid, a third one gets over a restart; then the caller may ask again.
_PUT_ATTEMPTS = 3
_PUT_PAUSE_SECONDS = 0.2
# How far the clocks of this machine and of the store may differ before a lock is taken for a missing permission.
_CLOCK_TOLERANCE = dt.timedelta(minutes=1)
# Locks among which the keys are spread, so that one slow answer does not hold up everybody.
_STRIPES = 64
_READY_KEY = "canary/ready"


class MinioStore:
    """An ObjectStore in one bucket. Safe to use from several threads."""

    def __init__(self, address: S3Address, *, lock_mode: str, clock: Clock) -> None:
        """Use the bucket, making it with Object Lock when it is not there.

        Args:
            address: where the bucket is and who asks.
            lock_mode: "governance" or "compliance", for every object from its first put.
            clock: the time.

        A store that does not answer yet is asked again at the first put. Raises Misconfigured when the bucket is
        there without Object Lock or the key is refused.
        """
        self._bucket = address.bucket
        self._mode = lock_mode.upper()
        self._clock = clock
        http = connections(connect_seconds=CONNECT_SECONDS, wait_seconds=WAIT_SECONDS)
        self._client = Minio(
            address.host,
            address.access_key,
            address.secret_key,
            secure=address.secure,
            region=address.region,
            http_client=http,
        )
        self._requests = S3Requests(address, http)
        # Some servers compare and set a lock in two steps: two extensions at once could leave the shorter one.
        self._extending = tuple(threading.Lock() for _ in range(_STRIPES))
        # A store that is down at start is met later: the service starts, and takes deposits once it is back.
        self._bucket_is_open = False
        with suppress(Unavailable):
            self._require_bucket()

    @property
    def enforces_locks(self) -> bool:
        """An S3 server with Object Lock does; ``prove_lock`` tells whether this one keeps its word."""
        return True

    def put(self, key: str, source: Path | bytes, digest: ContentDigest, lock_until: dt.datetime) -> ObjectVersion:
        """Store the bytes under ``key``: see ObjectStore.put. At most 5 GiB."""
        require_key(key)
        self._require_bucket()
        until = in_whole_seconds(lock_until)
        failure: Unavailable | None = None
        for attempt in range(_PUT_ATTEMPTS):
            time.sleep(_PUT_PAUSE_SECONDS * attempt)
            try:
                return self._put_once(key, source, digest, until)
            except Unavailable as unknown:
                if never_arrived(unknown.__cause__):
                    raise
                # The answer may have been lost after the bytes arrived; the next attempt finds them if so.
                failure = unknown
        raise failure or unavailable("store")

    def put_all(self, objects: Sequence[NewObject], lock_until: dt.datetime) -> tuple[ObjectVersion, ...]:
        """Store the objects, one request after another: see ObjectStore.put_all."""
        return tuple(self.put(new.key, new.source, new.digest, lock_until) for new in objects)

    @contextmanager
    def read(self, key: str, version: str, *, start: int = 0, length: int | None = None) -> Iterator[Iterator[bytes]]:
        """Open one version for reading: see ObjectStore.read."""
        if length == 0:
            self.lock_of(key, version)
            yield iter(())
            return
        with s3_errors(key):
            answer = self._get(key, version, start, length)
        if answer is None:
            yield iter(())
            return
        try:
            yield _reading(answer, key)
        finally:
            # What was not read to its end cannot be used again: its connection is closed, not given back.
            answer.close()
            answer.release_conn()

    def list_under(self, prefix: str, *, after: str = "") -> Iterator[ObjectVersion]:
        """Yield every version under ``prefix`` in key order, page by page: see ObjectStore.list_under."""
        with s3_errors(prefix):
            for line in self._requests.list_versions(prefix, after):
                if not line.is_delete_marker:
                    yield ObjectVersion(line.key, line.version, ContentDigest(line.size_bytes, "", ""), None)

    def lock_of(self, key: str, version: str) -> dt.datetime | None:
        """Ask the store until when the version is locked: see ObjectStore.lock_of."""
        retention = self._retention(key, version)
        return retention.retain_until_date if retention else None

    def protection_of(self, key: str, version: str) -> Protection:
        """Ask the store what keeps the version: see ObjectStore.protection_of."""
        retention = self._retention(key, version)
        with s3_errors(key):
            held = self._client.is_object_legal_hold_enabled(self._bucket, key, version)
        if retention is None:
            return Protection(None, None, held)
        return Protection(retention.retain_until_date, retention.mode.lower(), held)

    def extend_lock(self, key: str, version: str, until: dt.datetime) -> dt.datetime:
        """Lengthen the version's lock: see ObjectStore.extend_lock."""
        until = in_whole_seconds(until)
        with self._extending[hash(key) % _STRIPES]:
            current = self._retention(key, version)
            if current is not None and current.retain_until_date >= until:
                return current.retain_until_date
            wanted = Retention(current.mode if current is not None else self._mode, until)
            with s3_errors(key):
                try:
                    self._client.set_object_retention(self._bucket, key, wanted, version)
                except S3Error as refusal:
                    # Another process may have lengthened it further since: this request would have shortened it.
                    longer = self.lock_of(key, version)
                    if refusal.code not in (LOCKED, DENIED) or longer is None or longer < until:
                        raise
                    return longer
        return until

    def set_hold(self, key: str, version: str, held: bool) -> None:
        """Place or lift the hold: see ObjectStore.set_hold."""
        with s3_errors(key):
            if held:
                self._client.enable_object_legal_hold(self._bucket, key, version)
            else:
                self._client.disable_object_legal_hold(self._bucket, key, version)

    def replace_damaged(
        self, key: str, source: Path | bytes, digest: ContentDigest, lock_until: dt.datetime
    ) -> ObjectVersion:
        """Put a further version over those that are damaged: see ObjectStore.replace_damaged."""
        require_key(key)
        self._require_bucket()
        until = in_whole_seconds(lock_until)
        try:
            return self._what_is_there(key, digest, until)
        except (IntegrityFailure, Unavailable):
            return self._put_once(key, source, digest, until, over_others=True)

    def delete(self, key: str, version: str) -> None:
        """Delete one version for good: see ObjectStore.delete."""
        with s3_errors(key):
            try:
                self._client.remove_object(self._bucket, key, version)
            except S3Error as refusal:
                if isinstance(answer_to(refusal, key), NotFound):
                    return
                denied = refusal.code == DENIED and self._is_guarded(key, version)
                if denied or refusal.code == LOCKED:
                    raise object_locked(key) from refusal
                raise

    def now(self) -> dt.datetime:
        """Ask the store what time it is: see ObjectStore.now."""
        with s3_errors(self._bucket):
            return self._requests.date()

    def check_ready(self) -> None:
        """Ask the store to write an object that is there already: see ObjectStore.check_ready.

        The first time it is written. So no check leaves a version behind, and only a key that may write is
        told that the object exists.
        """
        self._require_bucket()
        with s3_errors(_READY_KEY):
            try:
                self._requests.put(_READY_KEY, b"ready", digest_of(b"ready"), {})
            except S3Error as refusal:
                if refusal.code != EXISTS:
                    raise

    def prove_lock(self, now: dt.datetime) -> tuple[LockTrial, ...]:
        """Try the store's lock with canaries; takes about 3 seconds: see ObjectStore.prove_lock."""
        return lock_canary.prove_lock(self, now)

    def replace_lock(self, key: str, version: str, until: dt.datetime) -> None:
        """Ask the store for another lock, an earlier one too. Only the canary's trial does.

        Raises Conflict when the store refuses, NotFound, Unavailable.
        """
        with s3_errors(key):
            try:
                retention = Retention(self._mode, in_whole_seconds(until))
                self._client.set_object_retention(self._bucket, key, retention, version)
            except S3Error as refusal:
                if refusal.code in (LOCKED, DENIED):
                    raise object_locked(key) from refusal
                raise

    def _put_once(
        self, key: str, source: Path | bytes, digest: ContentDigest, until: dt.datetime, *, over_others: bool = False
    ) -> ObjectVersion:
        headers = {
            "Content-Type": "application/octet-stream",
            "x-amz-object-lock-mode": self._mode,
            "x-amz-object-lock-retain-until-date": until.strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        with s3_errors(key):
            try:
                version = self._requests.put(key, source, digest, headers, only_new=not over_others)
            except SourceDiffers as differs:
                raise source_differs(key) from differs
            except S3Error as refusal:
                if refusal.code != EXISTS:
                    raise
                return self._what_is_there(key, digest, until)
        if version is None:
            raise without_object_lock(self._bucket)
        if not self._holds(key, version, digest):
            raise stored_differs(key)
        locked_until = self.lock_of(key, version)
        if locked_until is None or locked_until < until:
            raise without_object_lock(self._bucket)
        return ObjectVersion(key, version, digest, locked_until)

    def _what_is_there(self, key: str, digest: ContentDigest, until: dt.datetime) -> ObjectVersion:
        """Return the version with the wanted bytes, its lock lengthened to ``until``.

        Raises IntegrityFailure when there are only others, Unavailable when there are none: the put may be repeated.
        """
        with s3_errors(key):
            lines = [line for line in self._requests.list_versions(key) if line.key == key]
        versions = [line for line in lines if not line.is_delete_marker]
        try:
            for line in versions:
                if line.size_bytes == digest.size_bytes and self._holds(key, line.version, digest):
                    locked_until = self.extend_lock(key, line.version, until)
                    return ObjectVersion(key, line.version, digest, locked_until)
        except NotFound as vanished:
            # It was deleted since it was listed, as audit does with what nobody has adopted.
            raise unavailable("store") from vanished
        if versions:
            raise stored_differs(key)
        # A marker without anything to hide stands in the way on some servers. It holds no bytes.
        for line in lines:
            self.delete(key, line.version)
        raise unavailable("store")

    def _holds(self, key: str, version: str, digest: ContentDigest) -> bool:
        with self.read(key, version) as blocks:
            return digest_of_blocks(blocks) == digest

    def _get(self, key: str, version: str, start: int, length: int | None) -> urllib3.response.BaseHTTPResponse | None:
        """Open one version, or return None when the range begins after its end."""
        try:
            return self._client.get_object(self._bucket, key, offset=start, length=length or 0, version_id=version)
        except S3Error as refusal:
            if refusal.code != RANGE_AFTER_END:
                raise
            return None

    def _retention(self, key: str, version: str) -> Retention | None:
        with s3_errors(key):
            return self._client.get_object_retention(self._bucket, key, version)

    def _is_guarded(self, key: str, version: str) -> bool:
        with s3_errors(key):
            until = self.lock_of(key, version)
            locked = until is not None and until > self._clock.now() - _CLOCK_TOLERANCE
            return locked or self._client.is_object_legal_hold_enabled(self._bucket, key, version)

    def _require_bucket(self) -> None:
        """Nothing is written to a bucket that was not seen to have Object Lock."""
        if not self._bucket_is_open:
            self._open_bucket()
            self._bucket_is_open = True

    def _open_bucket(self) -> None:
        with s3_errors(self._bucket):
            try:
                if not self._client.bucket_exists(self._bucket):
                    self._client.make_bucket(self._bucket, object_lock=True)
            except S3Error as refusal:
                # Another process may be starting at the same time.
                if refusal.code != "BucketAlreadyOwnedByYou":
                    raise
            if not self._requests.has_object_lock():
                raise without_object_lock(self._bucket)


def _reading(answer: urllib3.response.BaseHTTPResponse, key: str) -> Iterator[bytes]:
    with s3_errors(key):
        yield from answer.stream(BLOCK_BYTES, decode_content=False)
