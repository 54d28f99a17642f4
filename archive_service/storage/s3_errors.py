"""Turns what an S3 server, the ``minio`` client or the network says into the archive's errors.

Never lets a server's own text out: it may carry keys, addresses or signatures.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterator
from contextlib import contextmanager

from minio.error import MinioException, S3Error
from urllib3.exceptions import ConnectTimeoutError, HTTPError, MaxRetryError, NewConnectionError

from archive_service.errors import ArchiveError, Message, Misconfigured, unavailable
from archive_service.storage.store_answers import object_not_found

# A key that exists already, in answer to If-None-Match.
EXISTS = "PreconditionFailed"
RANGE_AFTER_END = "InvalidRange"
# How servers refuse to touch what is locked: MinIO by the first, versitygw and Amazon by the second, which
# they also answer to a key without the permission.
LOCKED = "InvalidRequest"
DENIED = "AccessDenied"

_ABSENT = frozenset({"NoSuchKey", "NoSuchVersion", "MethodNotAllowed"})
_OPERATORS_CASE = frozenset(
    {
        DENIED,
        LOCKED,
        "InvalidArgument",
        "AuthorizationHeaderMalformed",
        "InvalidAccessKeyId",
        "InvalidBucketName",
        "NoSuchBucket",
        "RequestTimeTooSkewed",
        "SignatureDoesNotMatch",
    }
)


@contextmanager
def s3_errors(key: str) -> Iterator[None]:
    """Let only ArchiveError out of the block.

    NotFound for a key or version that is not there, Misconfigured where an operator has to act, Unavailable
    for everything else: it could not be told what the store did.
    """
    try:
        yield
    except S3Error as refusal:
        raise answer_to(refusal, key) from refusal
    except (HTTPError, MinioException, ET.ParseError) as failure:
        raise unavailable("store") from failure


def answer_to(refusal: S3Error, key: str) -> ArchiveError:
    """Return the archive's error for a server's refusal."""
    if refusal.code in _ABSENT or is_malformed_version(refusal):
        return object_not_found(key)
    if refusal.code in _OPERATORS_CASE:
        return _refused_by_store(refusal.code)
    return unavailable("store")


def is_malformed_version(refusal: S3Error) -> bool:
    """Whether the server does not take the version id for one of its own: then it holds no such version."""
    return refusal.code == "InvalidArgument" and "version" in (refusal.message or "").lower()


def never_arrived(failure: BaseException | None) -> bool:
    """Whether no connection was made, so that nothing can have been stored."""
    if isinstance(failure, MaxRetryError):
        failure = failure.reason
    return isinstance(failure, (NewConnectionError, ConnectTimeoutError))


def without_object_lock(bucket: str) -> Misconfigured:
    """Return the error for a bucket in which nothing can be locked."""
    return Misconfigured(
        Message(
            f"The bucket {bucket} does not lock objects. Object Lock is chosen when a bucket is made: "
            "name another bucket in ARCHIVE_STORE_URL; it is made with Object Lock when it does not exist.",
            f"Vùng lưu trữ {bucket} không khóa được đối tượng. Object Lock chỉ bật được khi tạo: hãy đặt tên "
            "vùng lưu trữ khác trong ARCHIVE_STORE_URL; hệ thống sẽ tự tạo với Object Lock nếu chưa có.",
        ),
        code="bucket-without-object-lock",
    )


def _refused_by_store(code: str) -> Misconfigured:
    return Misconfigured(
        Message(
            f"The object store refuses the service's requests ({code}). "
            "Check the key, its permissions and the bucket in ARCHIVE_STORE_URL, and the clock.",
            f"Kho lưu trữ từ chối yêu cầu của dịch vụ ({code}). "
            "Hãy kiểm tra khóa truy cập, quyền và vùng lưu trữ trong ARCHIVE_STORE_URL, và đồng hồ máy chủ.",
        ),
        code="store-refuses",
    )
