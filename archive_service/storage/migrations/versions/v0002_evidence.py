"""Evidence: the log's tree and checkpoints, time-stamps, renditions, reports of signatures, runs of the audit."""

from dataclasses import dataclass

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the tables of evidence; nothing that is there changes."""
    _log()
    _timestamps()
    _of_records()
    _guard_the_evidence()


def _log() -> None:
    op.create_table(
        "log_tiles",
        sa.Column("level", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("tile", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("hashes", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("level", "tile"),
    )
    op.create_table(
        "log_checkpoints",
        sa.Column("size", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("root", sa.LargeBinary(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("size"),
    )
    op.create_table(
        "log_cosignatures",
        sa.Column("size", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("key_name", sa.String(length=255), nullable=False),
        sa.Column("line", sa.Text(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("size", "key_name"),
    )
    op.create_table(
        "log_keys",
        sa.Column("verifier_key", sa.Text(), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("verifier_key"),
    )


def _timestamps() -> None:
    op.create_table(
        "timestamp_batches",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("first_entry", sa.BigInteger(), nullable=False),
        sa.Column("end_entry", sa.BigInteger(), nullable=False),
        sa.Column("checkpoint_size", sa.BigInteger(), nullable=False),
        sa.Column("algorithm", sa.String(length=16), nullable=False),
        sa.Column("root", sa.LargeBinary(), nullable=False),
        sa.Column("groups", sa.LargeBinary(), nullable=False),
        sa.Column("renews", sa.Text(), nullable=True),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_timestamp_batches_end", "timestamp_batches", ["end_entry"], unique=False)
    op.create_table(
        "timestamp_tokens",
        sa.Column("batch_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("authority", sa.String(length=64), nullable=False),
        sa.Column("token", sa.LargeBinary(), nullable=True),
        sa.Column("stamped_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("renewed_by", sa.BigInteger(), nullable=True),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("batch_id", "authority"),
    )


def _of_records() -> None:
    op.create_table(
        "renditions",
        sa.Column("record_id", sa.String(length=36), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("object_key", sa.Text(), nullable=False),
        sa.Column("object_version", sa.Text(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("sha512", sa.String(length=128), nullable=False),
        sa.Column("locked_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("record_id", "kind", "number"),
    )
    op.create_table(
        "word_places",
        sa.Column("record_id", sa.String(length=36), nullable=False),
        sa.Column("pages", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("record_id"),
    )
    op.create_table(
        "signature_reports",
        sa.Column("record_id", sa.String(length=36), nullable=False),
        sa.Column("verdict", sa.String(length=32), nullable=False),
        sa.Column("object_key", sa.Text(), nullable=False),
        sa.Column("object_version", sa.Text(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("sha512", sa.String(length=128), nullable=False),
        sa.PrimaryKeyConstraint("record_id"),
    )
    op.create_table(
        "audit_runs",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("seed", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("position", sa.Text(), nullable=False),
        sa.Column("counts", sa.Text(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("report_sha256", sa.String(length=64), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )


@dataclass(frozen=True, slots=True)
class _Guard:
    """Which rows of a table stay as they are, told of the row as it was (OLD) and would be (NEW).

    ``changed`` refuses an UPDATE, ``kept`` a DELETE; ``same`` finds the row that an INSERT would replace, as ``k``.
    """

    table: str
    changed: str
    kept: str
    same: str


_ALWAYS = "1 = 1"
_GUARDS = (
    # Only when it was published may be said, and once.
    _Guard(
        "log_checkpoints",
        "OLD.published_at IS NOT NULL OR NEW.size <> OLD.size OR NEW.root <> OLD.root OR NEW.note <> OLD.note "
        "OR NEW.made_at <> OLD.made_at",
        _ALWAYS,
        "k.size = NEW.size",
    ),
    _Guard("timestamp_batches", _ALWAYS, _ALWAYS, "k.id = NEW.id"),
    # What is owed may be asked for again and given up; what was given stays, and who renewed it is said once.
    _Guard(
        "timestamp_tokens",
        "OLD.token IS NOT NULL AND (NEW.batch_id <> OLD.batch_id OR NEW.authority <> OLD.authority OR NEW.token IS NULL"
        " OR NEW.token <> OLD.token OR NEW.stamped_at IS NULL OR NEW.stamped_at <> OLD.stamped_at"
        " OR NEW.expires_at IS NULL OR NEW.expires_at <> OLD.expires_at"
        " OR (OLD.renewed_by IS NOT NULL AND (NEW.renewed_by IS NULL OR NEW.renewed_by <> OLD.renewed_by)))",
        "OLD.token IS NOT NULL",
        "k.batch_id = NEW.batch_id AND k.authority = NEW.authority AND k.token IS NOT NULL",
    ),
)


def _guard_the_evidence() -> None:
    """Let the database refuse what would change a signed checkpoint, a batch, or a time-stamp that was given."""
    if op.get_bind().dialect.name == "sqlite":
        for guard in _GUARDS:
            _guard_in_sqlite(guard)
        return
    op.execute(
        "CREATE FUNCTION refuse_evidence_change() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION '% is evidence: it is never changed or deleted', TG_TABLE_NAME; END $$"
    )
    for guard in _GUARDS:
        _guard_in_postgresql(guard)


def _guard_in_sqlite(guard: _Guard) -> None:
    refuse = f"BEGIN SELECT RAISE(ABORT, '{guard.table} is evidence: it is never changed or deleted'); END"
    for action, refused in (("UPDATE", guard.changed), ("DELETE", guard.kept)):
        name = f"{guard.table}_no_{action.lower()}"
        op.execute(f"CREATE TRIGGER {name} BEFORE {action} ON {guard.table} WHEN {refused} {refuse}")
    # REPLACE deletes without asking the trigger for deletion.
    replaced = f"EXISTS (SELECT 1 FROM {guard.table} AS k WHERE {guard.same})"  # noqa: S608  # of this file's own words
    op.execute(f"CREATE TRIGGER {guard.table}_no_replace BEFORE INSERT ON {guard.table} WHEN {replaced} {refuse}")


def _guard_in_postgresql(guard: _Guard) -> None:
    refuse = "EXECUTE FUNCTION refuse_evidence_change()"
    for action, refused in (("UPDATE", guard.changed), ("DELETE", guard.kept)):
        name = f"{guard.table}_no_{action.lower()}"
        op.execute(f"CREATE TRIGGER {name} BEFORE {action} ON {guard.table} FOR EACH ROW WHEN ({refused}) {refuse}")
    emptied = f"{guard.table}_not_emptied BEFORE TRUNCATE ON {guard.table}"
    op.execute(f"CREATE TRIGGER {emptied} FOR EACH STATEMENT {refuse}")
