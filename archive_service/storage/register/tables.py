"""The register's tables. Every change here comes with a migration and a decision note.

Instants are kept in UTC. Text that is JSON is canonical JSON (RFC 8785) where it is ever hashed.
"""

from __future__ import annotations

import datetime as dt

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    Dialect,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    text,
)

metadata = MetaData()


class Instant(TypeDecorator[dt.datetime]):
    """An aware instant in UTC: TIMESTAMP WITH TIME ZONE where there is one, else its UTC wall time."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: dt.datetime | None, dialect: Dialect) -> dt.datetime | None:
        """Turn an aware instant into what the database keeps."""
        if value is None:
            return None
        utc = value.astimezone(dt.UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: dt.datetime | None, dialect: Dialect) -> dt.datetime | None:
        """Return what the database kept as an aware instant in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=dt.UTC) if value.tzinfo is None else value.astimezone(dt.UTC)


# SQLite numbers rows by itself only for INTEGER keys.
Serial = BigInteger().with_variant(Integer, "sqlite")

offices = Table(
    "offices",
    metadata,
    Column("code", String(64), primary_key=True),
    Column("name", Text, nullable=False),
    Column("parent", String(64), index=True),
    Column("valid_from", Date),
    Column("valid_to", Date),
    Column("successor", String(64), index=True),
)

result_types = Table(
    "result_types",
    metadata,
    Column("code", String(64), primary_key=True),
    Column("name", Text, nullable=False),
    Column("name_en", Text),
)

procedures = Table(
    "procedures",
    metadata,
    Column("code", String(64), primary_key=True),
    Column("name", Text, nullable=False),
    Column("result_types", Text, nullable=False),
)

subjects = Table(
    "subjects",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("name", Text, nullable=False),
    Column("birth_date", Date),
    Column("merged_into", String(36), index=True),
)

subject_identifiers = Table(
    "subject_identifiers",
    metadata,
    Column("scheme", String(32), primary_key=True),
    Column("number", String(32), primary_key=True),
    Column("subject_id", String(36), primary_key=True),
    Column("valid_from", Date),
    Column("valid_to", Date),
    Index("ix_subject_identifiers_subject", "subject_id"),
)

subject_merges = Table(
    "subject_merges",
    metadata,
    Column("id", Serial, primary_key=True, autoincrement=True),
    Column("kept", String(36), nullable=False, index=True),
    Column("merged", String(36), nullable=False, index=True),
    Column("reason", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("merged_at", Instant, nullable=False),
    Column("unmerged_at", Instant),
    Column("unmerged_by", Text),
    Column("unmerge_reason", Text),
)

reservations = Table(
    "reservations",
    metadata,
    Column("caller", String(64), primary_key=True),
    Column("key", String(200), primary_key=True),
    Column("record_id", String(36), nullable=False),
    Column("request_sha256", String(64), nullable=False),
    Column("content_sha256", String(64), nullable=False),
    Column("result_type", String(64), nullable=False),
    Column("identifiers", Text, nullable=False),
    Column("office", String(64), nullable=False),
    Column("salt", LargeBinary, nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("lease_until", Instant, nullable=False),
    Column("answered", Boolean, nullable=False),
    Index("ix_reservations_record", "record_id"),
)
# Only deposits in progress are looked up by their bytes: the index stays as small as they are few.
Index(
    "ix_reservations_pending",
    reservations.c.content_sha256,
    sqlite_where=text("answered = 0"),
    postgresql_where=text("NOT answered"),
)

records = Table(
    "records",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("state", String(16), nullable=False),
    Column("search_state", String(16), nullable=False),
    Column("search_problem", Text),
    Column("subject_id", String(36), nullable=False, index=True),
    Column("office", String(64), nullable=False),
    Column("result_type", String(64), nullable=False),
    Column("metadata", Text, nullable=False),
    Column("metadata_version", Integer, nullable=False),
    Column("issued_on", Date),
    Column("dossier_code", String(64), index=True),
    Column("size_bytes", BigInteger, nullable=False),
    Column("sha256", String(64), nullable=False, index=True),
    Column("sha512", String(128), nullable=False),
    Column("object_key", Text, nullable=False),
    Column("object_version", Text, nullable=False),
    Column("stored_size_bytes", BigInteger, nullable=False),
    Column("stored_sha256", String(64), nullable=False),
    Column("stored_sha512", String(128), nullable=False),
    Column("locked_until", Instant, index=True),
    Column("page_count", Integer, nullable=False),
    Column("depositor", String(64), nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("stored_at", Instant, nullable=False),
    Column("changed_at", Instant, nullable=False, index=True),
    Index("ix_records_office", "office", "id"),
)
Index(
    "ix_records_quarantined",
    records.c.id,
    sqlite_where=text("state = 'quarantined'"),
    postgresql_where=text("state = 'quarantined'"),
)
Index(
    "ix_records_not_searchable",
    records.c.id,
    sqlite_where=text("search_state <> 'searchable'"),
    postgresql_where=text("search_state <> 'searchable'"),
)

record_relations = Table(
    "record_relations",
    metadata,
    Column("record_id", String(36), primary_key=True),
    Column("kind", String(16), primary_key=True),
    Column("target", String(36), primary_key=True, index=True),
)

metadata_versions = Table(
    "metadata_versions",
    metadata,
    Column("record_id", String(36), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("metadata", Text, nullable=False),
    Column("salt", LargeBinary, nullable=False),
    Column("object_version", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("recorded_at", Instant, nullable=False),
)

texts = Table(
    "texts",
    metadata,
    Column("record_id", String(36), primary_key=True),
    Column("pages", LargeBinary, nullable=False),
    Column("read_at", Instant, nullable=False),
)

# Where recognised words stand on their pages: kept only until their record is sealed.
word_places = Table(
    "word_places",
    metadata,
    Column("record_id", String(36), primary_key=True),
    Column("pages", LargeBinary, nullable=False),
)

findings = Table(
    "findings",
    metadata,
    Column("id", Serial, primary_key=True, autoincrement=True),
    Column("record_id", String(36), nullable=False, index=True),
    Column("code", String(64), nullable=False),
    Column("detail", Text, nullable=False),
    Column("outcome", String(16), nullable=False),
    Column("found_at", Instant, nullable=False),
    Column("resolved_at", Instant),
    Column("resolved_by", Text),
    Column("resolution", Text),
)
Index(
    "ix_findings_open",
    findings.c.id,
    sqlite_where=text("resolved_at IS NULL"),
    postgresql_where=text("resolved_at IS NULL"),
)

# The exact bytes of each entry; the database refuses to change or delete one (see the first migration).
log_entries = Table(
    "log_entries",
    metadata,
    Column("index", BigInteger, primary_key=True, autoincrement=False),
    Column("record_id", String(36)),
    Column("entry", LargeBinary, nullable=False),
    Index("ix_log_entries_record", "record_id", "index"),
)

# What an entry commits to; a row may be erased, the entry stays.
log_payloads = Table(
    "log_payloads",
    metadata,
    Column("index", BigInteger, primary_key=True, autoincrement=False),
    Column("salt", LargeBinary, nullable=False),
    Column("payload", LargeBinary, nullable=False),
)

# One row: how many entries there are. Locked last in every transaction that logs, so indexes follow commits.
log_head = Table(
    "log_head",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("size", BigInteger, nullable=False),
)

# The log's tree, in tiles of 256 hashes (C2SP tlog-tiles): a full tile is never written again, the last one grows.
log_tiles = Table(
    "log_tiles",
    metadata,
    Column("level", Integer, primary_key=True, autoincrement=False),
    Column("tile", BigInteger, primary_key=True, autoincrement=False),
    Column("hashes", LargeBinary, nullable=False),
)

log_checkpoints = Table(
    "log_checkpoints",
    metadata,
    Column("size", BigInteger, primary_key=True, autoincrement=False),
    Column("root", LargeBinary, nullable=False),
    Column("note", Text, nullable=False),
    Column("made_at", Instant, nullable=False),
    Column("published_at", Instant),
)

log_cosignatures = Table(
    "log_cosignatures",
    metadata,
    Column("size", BigInteger, primary_key=True, autoincrement=False),
    Column("key_name", String(255), primary_key=True),
    Column("line", Text, nullable=False),
    Column("received_at", Instant, nullable=False),
)

# Verifier keys of the log, as their text form; a retired one still verifies what it signed.
log_keys = Table(
    "log_keys",
    metadata,
    Column("verifier_key", Text, primary_key=True),
    Column("added_at", Instant, nullable=False),
    Column("retired_at", Instant),
)

timestamp_batches = Table(
    "timestamp_batches",
    metadata,
    Column("id", Serial, primary_key=True, autoincrement=True),
    Column("first_entry", BigInteger, nullable=False),
    Column("end_entry", BigInteger, nullable=False),
    Column("checkpoint_size", BigInteger, nullable=False),
    Column("algorithm", String(16), nullable=False),
    Column("root", LargeBinary, nullable=False),
    Column("groups", LargeBinary, nullable=False),
    Column("renews", Text),
    Column("made_at", Instant, nullable=False),
    Index("ix_timestamp_batches_end", "end_entry"),
)

# A row without a token is a time-stamp that an authority still owes.
timestamp_tokens = Table(
    "timestamp_tokens",
    metadata,
    Column("batch_id", BigInteger, primary_key=True, autoincrement=False),
    Column("authority", String(64), primary_key=True),
    Column("token", LargeBinary),
    Column("stamped_at", Instant),
    Column("expires_at", Instant),
    Column("renewed_by", BigInteger),
    Column("problem", Text),
    Column("attempts", Integer, nullable=False),
    Column("due_at", Instant, nullable=False),
)

renditions = Table(
    "renditions",
    metadata,
    Column("record_id", String(36), primary_key=True),
    Column("kind", String(16), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("object_key", Text, nullable=False),
    Column("object_version", Text, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("sha512", String(128), nullable=False),
    Column("locked_until", Instant),
    Column("made_at", Instant, nullable=False),
)

signature_reports = Table(
    "signature_reports",
    metadata,
    Column("record_id", String(36), primary_key=True),
    Column("verdict", String(32), nullable=False),
    Column("object_key", Text, nullable=False),
    Column("object_version", Text, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("sha512", String(128), nullable=False),
)

audit_runs = Table(
    "audit_runs",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("scope", Text, nullable=False),
    Column("seed", String(64), nullable=False),
    Column("state", String(16), nullable=False),
    Column("position", Text, nullable=False),
    Column("counts", Text, nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("ended_at", Instant),
    Column("report_sha256", String(64)),
)

# Schedules that were adopted: the exact bytes of each, never changed; the newest whose days include today decides.
retention_schedules = Table(
    "retention_schedules",
    metadata,
    Column("number", Serial, primary_key=True, autoincrement=True),
    Column("schedule_id", String(64), nullable=False),
    Column("version", String(64), nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("adopted_by", String(64), nullable=False),
    Column("adopted_at", Instant, nullable=False),
    UniqueConstraint("schedule_id", "version", name="uq_retention_schedules_version"),
)

# What happened and starts a period: told by somebody, withdrawn when it was told wrongly.
retention_events = Table(
    "retention_events",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("scope", String(16), nullable=False),
    Column("target", String(64), nullable=False),
    Column("trigger", String(64), nullable=False),
    Column("happened_on", Date, nullable=False),
    Column("source", Text, nullable=False),
    Column("office", String(64), nullable=False),
    Column("told_by", String(64), nullable=False),
    Column("told_at", Instant, nullable=False),
    Column("withdrawn_by", String(64)),
    Column("withdrawn_at", Instant),
    Column("withdraw_reason", Text),
    Index("ix_retention_events_target", "scope", "target"),
)

holds = Table(
    "holds",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("scope", String(16), nullable=False),
    Column("target", String(64), nullable=False),
    Column("condition", Text),
    Column("owner", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("legal_reference", Text, nullable=False),
    Column("review_on", Date, nullable=False),
    Column("office", String(64), nullable=False),
    Column("placed_by", String(64), nullable=False),
    Column("placed_at", Instant, nullable=False),
    Column("lifted_by", String(64)),
    Column("lifted_at", Instant),
    Column("lift_reason", Text),
)
Index(
    "ix_holds_standing",
    holds.c.id,
    sqlite_where=text("lifted_at IS NULL"),
    postgresql_where=text("lifted_at IS NULL"),
)

# Where each stored record stands: derived from schedule, events and holds, and made anew at any time.
retention_decisions = Table(
    "retention_decisions",
    metadata,
    Column("record_id", String(36), primary_key=True),
    Column("standing", String(16), nullable=False),
    Column("held", Boolean, nullable=False),
    Column("class_code", String(64)),
    Column("action", String(16)),
    Column("trigger_on", Date),
    Column("due_on", Date),
    Column("decided_at", Instant, nullable=False),
    Column("look_again_at", Instant, index=True),
    Index("ix_retention_decisions_due", "due_on", "record_id"),
)
Index(
    "ix_retention_decisions_held",
    retention_decisions.c.record_id,
    sqlite_where=text("held = 1"),
    postgresql_where=text("held"),
)

disposals = Table(
    "disposals",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("action", String(16), nullable=False),
    Column("title", Text, nullable=False),
    Column("office", String(64), nullable=False),
    Column("council", Text, nullable=False),
    Column("proposed_by", String(64), nullable=False),
    Column("proposed_at", Instant, nullable=False),
    Column("approved_by", String(64)),
    Column("approved_at", Instant),
    Column("receipt", Text),
    Column("state", String(16), nullable=False, index=True),
    Column("ended_at", Instant),
    Column("certificate_sha256", String(64)),
)

disposal_items = Table(
    "disposal_items",
    metadata,
    Column("disposal_id", String(36), primary_key=True),
    Column("record_id", String(36), primary_key=True, index=True),
    Column("state", String(16), nullable=False),
    Column("class_code", String(64)),
    Column("due_on", Date),
    Column("size_bytes", BigInteger, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("reason", Text),
    Column("actor", String(64)),
    Column("changed_at", Instant, nullable=False),
    Column("package_sha256", String(64)),
    Index("ix_disposal_items_state", "disposal_id", "state"),
)

disposal_votes = Table(
    "disposal_votes",
    metadata,
    Column("disposal_id", String(36), primary_key=True),
    Column("member", String(64), primary_key=True),
    Column("vote", String(16), nullable=False),
    Column("reason", Text, nullable=False),
    Column("voted_at", Instant, nullable=False),
)

jobs = Table(
    "jobs",
    metadata,
    Column("id", Serial, primary_key=True, autoincrement=True),
    Column("kind", String(16), nullable=False),
    Column("record_id", String(36), nullable=False),
    Column("state", String(16), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("due_at", Instant, nullable=False),
    Column("lease_until", Instant),
    Column("asked_again", Boolean, nullable=False),
    Column("problem", Text),
    Column("share", String(64), nullable=False, server_default=""),
    UniqueConstraint("kind", "record_id", name="uq_jobs_kind_record"),
    Index("ix_jobs_due", "state", "kind", "due_at"),
    Index("ix_jobs_share", "kind", "state", "share", "due_at"),
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("name", Text, nullable=False),
    Column("account", String(64)),
    Column("office", String(64), nullable=False),
    Column("roles", Text, nullable=False),
    Column("secret_sha256", String(64), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("revoked_at", Instant),
)

progress = Table(
    "progress",
    metadata,
    Column("name", String(128), primary_key=True),
    Column("value", Text, nullable=False),
)
