"""The fields of the cluster's index, strictly, and what a document becomes in it.

Core features only, no plugin. Nothing is kept that is not searched: the text itself is the register's, and an
index is built anew from there.
"""

from __future__ import annotations

from typing import Any

from archive_service.search.document import SCHEMA_VERSION, IndexFields

MADE_FOR = f"archive-service {SCHEMA_VERSION}"

# Refreshing is asked for after each batch; this interval only catches what a killed process did not ask for.
_REFRESH_INTERVAL = "30s"

_TERM: dict[str, Any] = {"type": "keyword", "doc_values": False}
_COUNTED: dict[str, Any] = {"type": "keyword"}
_DAY: dict[str, Any] = {"type": "integer"}


def _words(*, ranked: bool) -> dict[str, Any]:
    """Return a field of words that were found before they came here: split at blanks and nowhere else."""
    return {"type": "text", "analyzer": "whitespace", "index_options": "positions", "norms": ranked}


MAPPINGS: dict[str, Any] = {
    "dynamic": "strict",
    "_meta": {"made_for": MADE_FOR},
    "_source": {"enabled": False},
    "properties": {
        "record": _COUNTED,
        "exact": _words(ranked=False),
        "folded": _words(ranked=True),
        "name": _words(ranked=False),
        "name_folded": _words(ranked=False),
        **dict.fromkeys(("keys", "codes", "subject", "dossier", "access_level"), _TERM),
        **dict.fromkeys(("office", "result_type", "trust", "state"), _COUNTED),
        **dict.fromkeys(("issued_day", "stored_day", "year"), _DAY),
    },
}


def settings(shards: int) -> dict[str, Any]:
    """Return the settings of a new index: without copies and refreshing, because it is filled first."""
    return {"number_of_shards": shards, "number_of_replicas": 0, "refresh_interval": "-1"}


def settings_in_use(replicas: int) -> dict[str, Any]:
    """Return the settings of an index that is searched in."""
    return {"number_of_replicas": replicas, "refresh_interval": _REFRESH_INTERVAL}


def to_source(fields: IndexFields) -> dict[str, Any]:
    """Return the document that the cluster is given; its id is the record's."""
    return {
        "record": fields.record_id,
        "exact": fields.exact,
        "folded": fields.folded,
        "name": fields.name,
        "name_folded": fields.name_folded,
        "keys": fields.keys,
        "codes": fields.codes,
        "office": fields.office,
        "result_type": fields.result_type,
        "subject": fields.subject,
        "dossier": fields.dossier,
        "trust": fields.trust,
        "state": fields.state,
        "access_level": fields.access_level,
        "issued_day": fields.issued_day,
        "stored_day": fields.stored_day,
        "year": fields.year,
    }
