"""The S3 store keeps the contract on two real servers, and tells what each does with a lock."""

from __future__ import annotations

import datetime as dt
import socket
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import pytest
from minio import Minio

from archive_service.errors import Conflict, IntegrityFailure, Misconfigured, Unavailable
from archive_service.model.ports import LockTrial, ProofResult
from archive_service.storage.digests import digest_of
from archive_service.storage.minio_store import MinioStore
from archive_service.storage.s3_address import S3Address
from archive_service.storage.store_url import address_of
from tests.contracts.object_store import (
    BYTES,
    MIB,
    OTHER_BYTES,
    StreamingObjectStoreContract,
    SystemClock,
    in_seconds,
    read_all,
)
from tests.servers import unique_name
from tests.storage.relay import relay_to


def client_of(address: S3Address) -> Minio:
    """Return a bare client, to do what the store never does."""
    return Minio(address.host, address.access_key, address.secret_key, secure=address.secure, region=address.region)


def open_at(address: S3Address, lock_mode: str = "governance") -> MinioStore:
    """Open the store there."""
    return MinioStore(address, lock_mode=lock_mode, clock=SystemClock())


@dataclass(frozen=True, slots=True)
class Proof:
    """What a proof of the lock said, and what it found before."""

    trials: tuple[LockTrial, ...]
    locked: list[str]
    old: str

    @property
    def results(self) -> dict[str, ProofResult]:
        """Each trial's verdict."""
        return {trial.name: trial.result for trial in self.trials}


class S3StoreContract(StreamingObjectStoreContract):
    """The contract, and what only an S3 store promises, on the server of a subclass."""

    @pytest.fixture(scope="class")
    @classmethod
    def address(cls) -> S3Address:
        """Give a bucket that is not there yet."""
        raise NotImplementedError

    @pytest.fixture(scope="class")
    @classmethod
    def store(cls, address: S3Address) -> MinioStore:
        """Give a store in a new bucket."""
        return open_at(address)

    def test_a_second_service_opens_the_same_bucket(self, store: MinioStore, address: S3Address) -> None:
        with ThreadPoolExecutor(4) as pool:
            fresh = replace(address, bucket=unique_name("race"))
            opened = list(pool.map(open_at, [fresh] * 4))
        for each in (*opened, open_at(address)):
            assert each.enforces_locks
            each.check_ready()

    def test_a_bucket_without_object_lock_is_refused(self, address: S3Address) -> None:
        unlocked = replace(address, bucket=unique_name("unlocked"))
        client_of(unlocked).make_bucket(unlocked.bucket)
        with pytest.raises(Misconfigured, match="Object Lock"):
            open_at(unlocked)

    def test_a_wrong_secret_is_the_operators_case_and_is_not_shown(self, address: S3Address) -> None:
        with pytest.raises(Misconfigured) as refusal:
            open_at(replace(address, secret_key="not-the-secret"))
        assert "not-the-secret" not in f"{refusal.value} {refusal.value.message}"

    def test_checking_leaves_one_version_at_most(self, store: MinioStore) -> None:
        for _ in range(3):
            store.check_ready()
        assert len(list(store.list_under("canary/ready"))) == 1

    def test_compliance_holds_from_the_first_put(self, address: S3Address, prefix: str) -> None:
        store = open_at(address, "compliance")
        put = store.put(f"{prefix}/original", BYTES, digest_of(BYTES), in_seconds(30))
        retention = client_of(address).get_object_retention(address.bucket, put.key, put.version)
        assert retention is not None
        assert (retention.mode, retention.retain_until_date) == ("COMPLIANCE", put.locked_until)
        late = in_seconds(60)
        assert store.extend_lock(put.key, put.version, late) == late
        with pytest.raises(Conflict):
            store.replace_lock(put.key, put.version, in_seconds(40))
        with pytest.raises(Conflict):
            store.delete(put.key, put.version)

    def test_a_lock_is_lengthened_in_the_mode_it_was_given(
        self, store: MinioStore, address: S3Address, prefix: str
    ) -> None:
        put = store.put(f"{prefix}/original", BYTES, digest_of(BYTES), in_seconds(30))
        late = in_seconds(60)
        assert open_at(address, "compliance").extend_lock(put.key, put.version, late) == late

    def test_a_delete_marker_hides_nothing_from_a_put(self, store: MinioStore, address: S3Address, prefix: str) -> None:
        first = store.put(f"{prefix}/original", BYTES, digest_of(BYTES), in_seconds(60))
        client_of(address).remove_object(address.bucket, first.key)
        again = store.put(first.key, BYTES, digest_of(BYTES), in_seconds(60))
        for version in {first.version, again.version}:
            assert read_all(store, first.key, version) == BYTES
            assert store.lock_of(first.key, version) is not None
        assert {v.version for v in store.list_under(prefix)} == {first.version, again.version}

    def test_a_delete_marker_over_nothing_does_not_stand_in_the_way(
        self, store: MinioStore, address: S3Address, prefix: str
    ) -> None:
        client = client_of(address)
        client.remove_object(address.bucket, f"{prefix}/original")
        put = store.put(f"{prefix}/original", BYTES, digest_of(BYTES), in_seconds(60))
        assert read_all(store, put.key, put.version) == BYTES

    def test_a_large_object_that_is_there_is_found_again(self, store: MinioStore, prefix: str) -> None:
        # The server may answer before it has read the body, and close the connection.
        content = bytes(16 * MIB)
        first = store.put(f"{prefix}/original", content, digest_of(content), in_seconds(60))
        assert store.put(f"{prefix}/original", content, digest_of(content), in_seconds(60)).version == (first.version)
        other = bytes(15 * MIB) + OTHER_BYTES
        with pytest.raises(IntegrityFailure):
            store.put(f"{prefix}/original", other, digest_of(other), in_seconds(60))

    @pytest.fixture(scope="class")
    @classmethod
    def proof(cls, store: MinioStore) -> Proof:
        """Leave canaries that are old by their names, one of them still locked, and prove the lock."""
        old = f"canary/20260101T000000Z-{uuid.uuid4().hex[:12]}"
        ended = store.put(f"{old}/held", BYTES, digest_of(BYTES), in_seconds(0))
        locked = store.put(f"{old}/delete", BYTES, digest_of(BYTES), in_seconds(60))
        store.set_hold(ended.key, ended.version, held=True)
        time.sleep(1.5)
        return Proof(store.prove_lock(SystemClock().now()), [locked.key], old)

    def test_a_proof_removes_the_canaries_of_old_ones_whose_lock_has_ended(
        self, store: MinioStore, proof: Proof
    ) -> None:
        assert [v.key for v in store.list_under(proof.old)] == proof.locked

    def test_every_verdict_is_explained(self, proof: Proof) -> None:
        assert all(trial.explanation.endswith(".") for trial in proof.trials)


class TestMinio(S3StoreContract):
    """MinIO."""

    @pytest.fixture(scope="class")
    @classmethod
    def address(cls, minio_url: str) -> S3Address:
        """Give a bucket that is not there yet."""
        return address_of(f"{minio_url}/{unique_name('store')}")

    def test_every_trial_of_the_lock_passes(self, proof: Proof) -> None:
        assert proof.results == dict.fromkeys(
            ("overwrite", "delete-while-locked", "shorten", "delete-while-held"), ProofResult.PASSED
        )


class TestVersitygw(S3StoreContract):
    """versitygw."""

    @pytest.fixture(scope="class")
    @classmethod
    def address(cls, versitygw_url: str) -> S3Address:
        """Give a bucket that is not there yet."""
        return address_of(f"{versitygw_url}/{unique_name('store')}")

    def test_a_held_version_can_be_deleted_after_its_retention_and_the_proof_says_so(self, proof: Proof) -> None:
        assert proof.results == {
            "overwrite": ProofResult.PASSED,
            "delete-while-locked": ProofResult.PASSED,
            "shorten": ProofResult.PASSED,
            "delete-while-held": ProofResult.FAILED,
        }


def closed_port() -> int:
    """Return a port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def test_a_lost_answer_to_a_put_is_harmless(minio_url: str) -> None:
    address = address_of(f"{minio_url}/{unique_name('relay')}")
    with relay_to(address.host) as relay:
        store = open_at(replace(address, host=relay.host))
        relay.lose_next_answer = True
        put = store.put("records/lost/original", BYTES, digest_of(BYTES), in_seconds(60))
        assert not relay.lose_next_answer
        assert [v.version for v in store.list_under("records/lost")] == [put.version]
        assert read_all(store, put.key, put.version) == BYTES


def test_a_server_that_goes_away_in_mid_read_is_unavailable(minio_url: str) -> None:
    content = bytes(16 * MIB)
    address = address_of(f"{minio_url}/{unique_name('relay')}")
    with relay_to(address.host) as relay:
        store = open_at(replace(address, host=relay.host))
        put = store.put("records/cut/original", content, digest_of(content), in_seconds(5))
        with store.read(put.key, put.version) as blocks:
            next(blocks)
            relay.cut()
            with pytest.raises(Unavailable):
                list(blocks)


def test_a_server_that_is_down_is_unavailable_within_seconds() -> None:
    address = S3Address(f"127.0.0.1:{closed_port()}", "bucket", "key", "secret-word", secure=False)
    began = time.monotonic()
    store = open_at(address)  # the service starts, and takes deposits once its store is back
    with pytest.raises(Unavailable) as answer:
        store.check_ready()
    assert time.monotonic() - began < 5
    assert answer.value.component == "store"
    assert "secret-word" not in repr(address) + str(answer.value)


def test_a_store_whose_server_goes_down_is_unavailable_in_every_call(minio_url: str) -> None:
    address = address_of(f"{minio_url}/{unique_name('relay')}")
    with relay_to(address.host) as relay:
        store = open_at(replace(address, host=relay.host))
        put = store.put("records/down/original", BYTES, digest_of(BYTES), in_seconds(5))
    calls = [
        lambda: store.put("records/down/other", BYTES, digest_of(BYTES), in_seconds(5)),
        lambda: read_all(store, put.key, put.version),
        lambda: list(store.list_under("records/")),
        lambda: store.lock_of(put.key, put.version),
        lambda: store.extend_lock(put.key, put.version, in_seconds(60)),
        lambda: store.set_hold(put.key, put.version, held=True),
        lambda: store.delete(put.key, put.version),
        store.check_ready,
    ]
    began = time.monotonic()
    for call in calls:
        with pytest.raises(Unavailable):
            call()
    assert time.monotonic() - began < 10
    results = {trial.result for trial in store.prove_lock(dt.datetime.now(dt.UTC))}
    assert results == {ProofResult.INDETERMINATE}


def test_a_store_that_comes_up_later_is_used_then(minio_url: str) -> None:
    address = address_of(f"{minio_url}/{unique_name('later')}")
    port = closed_port()
    store = open_at(replace(address, host=f"127.0.0.1:{port}"))
    with relay_to(address.host, port):
        put = store.put("records/later/original", BYTES, digest_of(BYTES), in_seconds(5))
        assert read_all(store, put.key, put.version) == BYTES


def test_a_bucket_that_is_taken_away_is_the_operators_case(minio_url: str) -> None:
    address = address_of(f"{minio_url}/{unique_name('gone')}")
    store = open_at(address)
    client_of(address).remove_bucket(address.bucket)
    with pytest.raises(Misconfigured):
        store.put("records/x/original", BYTES, digest_of(BYTES), in_seconds(5))
    with pytest.raises(Misconfigured):
        store.check_ready()
