"""Where a bucket is and who asks: what the store's URL says, apart from what speaks to it."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class S3Address:
    """Where a bucket is and who asks. Its text never shows the secret."""

    host: str
    bucket: str
    access_key: str = field(repr=False)
    secret_key: str = field(repr=False)
    secure: bool = True
    region: str = "us-east-1"
