"""Opens the object store that a URL names: one store for each scheme.

Never shows the URL or a part of it that may be secret, in a message or in a cause.
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from archive_service.errors import Message, Misconfigured
from archive_service.model.ports import Clock, ObjectStore
from archive_service.storage.local_store import LocalStore
from archive_service.storage.s3_address import S3Address

_S3_SCHEMES = {"s3+http": False, "s3+https": True}


def open_store(url: str, *, lock_mode: str, clock: Clock, handed_over: Path | None = None) -> ObjectStore:
    """Open the store that ``url`` names, and make what is missing: its folder or its bucket.

    Args:
        url: ``file:FOLDER``, or ``s3+http://ACCESS:SECRET@HOST[:PORT]/BUCKET[?region=…]``, or the same with
            ``s3+https``. Signs of a key that mean something in a URL are percent-encoded.
        lock_mode: "governance" or "compliance".
        clock: the time.
        handed_over: a folder whose files a store on the same disk may keep instead of copying them.

    Raises Misconfigured for a URL that cannot be read or a bucket without Object Lock, Unavailable.
    """
    scheme = url.partition(":")[0].lower()
    if scheme == "file":
        return LocalStore(folder_of(url), clock, handed_over=handed_over)
    if scheme in _S3_SCHEMES:
        # Loaded only where it is used: its library takes 12 MB.
        from archive_service.storage.minio_store import MinioStore

        return MinioStore(address_of(url), lock_mode=lock_mode, clock=clock)
    raise _wrong_url()


def folder_of(url: str) -> Path:
    """Return the folder of a ``file:`` URL, relative ones against the working directory.

    >>> folder_of("file:data/objects").as_posix(), folder_of("file:///srv/archive").as_posix()
    ('data/objects', '/srv/archive')
    """
    path = url.partition(":")[2]
    if path.startswith("//"):
        host, slash, rest = path[2:].partition("/")
        if host not in ("", "localhost"):
            raise _wrong_url()
        path = slash + rest
    if not path:
        raise _wrong_url()
    return Path(unquote(path))


def address_of(url: str) -> S3Address:
    """Return where the bucket of an ``s3+…`` URL is and who asks.

    >>> address_of("s3+http://key:s%2Fcret@127.0.0.1:9000/archive?region=vn-1")
    S3Address(host='127.0.0.1:9000', bucket='archive', secure=False, region='vn-1')

    Raises Misconfigured when a part is missing or cannot be read.
    """
    try:
        parts = urlsplit(url)
        host = _host_of(parts)
        options = parse_qs(parts.query, strict_parsing=True) if parts.query else {}
    except ValueError:
        # The cause would repeat a part of the URL.
        raise _wrong_url() from None
    bucket = parts.path.strip("/")
    region = options.pop("region", ["us-east-1"])
    complete = host and bucket and parts.username and parts.password
    if not complete or "/" in bucket or options or len(region) != 1 or parts.fragment:
        raise _wrong_url()
    return S3Address(
        host=host,
        bucket=bucket,
        access_key=unquote(parts.username or ""),
        secret_key=unquote(parts.password or ""),
        secure=_S3_SCHEMES[parts.scheme],
        region=region[0],
    )


def _host_of(parts: SplitResult) -> str:
    host = parts.hostname or ""
    if ":" in host:
        host = f"[{host}]"
    return f"{host}:{parts.port}" if parts.port is not None and host else host


def _wrong_url() -> Misconfigured:
    return Misconfigured(
        Message(
            "ARCHIVE_STORE_URL names no store that is known. It has the form file:FOLDER, "
            "s3+http://KEY:SECRET@HOST:PORT/BUCKET or s3+https://KEY:SECRET@HOST/BUCKET, "
            "optionally with ?region=REGION.",
            "ARCHIVE_STORE_URL không chỉ đến kho lưu trữ hợp lệ. Dạng đúng: file:THƯ_MỤC, "
            "s3+http://KEY:SECRET@HOST:PORT/BUCKET hoặc s3+https://KEY:SECRET@HOST/BUCKET, "
            "có thể thêm ?region=REGION.",
        ),
        code="store-url",
    )
