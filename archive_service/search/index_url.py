"""Which search index a URL names.

Schemes: ``embedded:FOLDER``, ``http:`` and ``https:`` (Elasticsearch). Messages never carry the URL, because it may
hold a password.
"""

from __future__ import annotations

from pathlib import Path

from archive_service.errors import Message, Misconfigured
from archive_service.model.ports import SearchIndex
from archive_service.search.embedded import EmbeddedIndex


def open_index(url: str, *, name: str) -> SearchIndex:
    """Return the index at ``url``; nothing is opened or asked before its first use.

    Args:
        url: ``embedded:FOLDER``, or ``http(s)://[USER:PASSWORD@]HOST[:PORT]``.
        name: the alias of the index on Elasticsearch; an embedded one is named by its folder.

    Raises:
        Misconfigured: the scheme is unknown, or the folder is missing from the URL.

    >>> type(open_index("embedded:/srv/archive/index", name="records")).__name__
    'EmbeddedIndex'
    """
    scheme, _, rest = url.partition(":")
    if scheme == "embedded" and rest:
        return EmbeddedIndex(Path(rest))
    raise Misconfigured(
        Message(
            "The search index URL must be embedded:FOLDER, or begin with http:// or https://.",
            "URL của chỉ mục tìm kiếm phải có dạng embedded:THƯMỤC, hoặc bắt đầu bằng http:// hay https://.",
        )
    )
