"""A URL names one store, and its secret is never shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from archive_service.errors import Misconfigured
from archive_service.storage.local_store import LocalStore
from archive_service.storage.minio_store import MinioStore
from archive_service.storage.store_url import address_of, open_store
from tests.contracts.object_store import SystemClock
from tests.servers import unique_name


def test_a_file_url_opens_a_folder(tmp_path: Path) -> None:
    for url in (f"file:{tmp_path}/a", f"file://{tmp_path}/b", f"file://localhost{tmp_path}/c%20d"):
        assert isinstance(open_store(url, lock_mode="governance", clock=SystemClock()), LocalStore)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b", "c d"]


def test_an_s3_url_opens_a_bucket(minio_url: str) -> None:
    store = open_store(
        f"{minio_url}/{unique_name('url')}?region=us-east-1", lock_mode="governance", clock=SystemClock()
    )
    assert isinstance(store, MinioStore)


def test_a_key_may_hold_signs_that_mean_something_in_a_url() -> None:
    address = address_of("s3+https://a%40b:se%2Fcr%3Aet@[::1]:9000/bucket?region=vn-1")
    assert (address.access_key, address.secret_key) == ("a@b", "se/cr:et")
    assert (address.host, address.secure, address.region) == ("[::1]:9000", True, "vn-1")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "records",
        "ftp://key:hush@host/bucket",
        "s3://key:hush@host/bucket",
        "file:",
        "file://elsewhere/folder",
        "s3+http://host/bucket",
        "s3+http://key:hush@host",
        "s3+http://key:hush@/bucket",
        "s3+http://key@host/bucket",
        "s3+http://key:hush@host/bucket/below",
        "s3+http://key:hush@host:port/bucket",
        "s3+http://key:hu/sh@host/bucket",
        "s3+http://key:hush@host/bucket?colour=red",
        "s3+http://key:hush@host/bucket?region=a&region=b",
        "s3+http://key:hush@host/bucket#part",
    ],
)
def test_any_other_url_is_a_wrong_setting_and_is_not_shown(url: str) -> None:
    with pytest.raises(Misconfigured) as refusal:
        open_store(url, lock_mode="governance", clock=SystemClock())
    shown = f"{refusal.value} {refusal.value.message} {refusal.value.__cause__}"
    assert "hush" not in shown
    assert "hu/sh" not in shown
    assert refusal.value.__cause__ is None
