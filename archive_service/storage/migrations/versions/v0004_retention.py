"""Retention: adopted schedules, events, holds and decisions; proposals of disposal; whose account a key is of."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

# The dossier of a record, out of the metadata that says it.
_DOSSIER_CODE = {
    "sqlite": "json_extract(metadata, '$.dossier_code')",
    "postgresql": "metadata::json ->> 'dossier_code'",
}


def upgrade() -> None:
    """Add the tables; whose account a key is of is unknown until it is said, and then it is its own."""
    op.add_column("api_keys", sa.Column("account", sa.String(length=64), nullable=True))
    op.add_column("records", sa.Column("dossier_code", sa.String(length=64), nullable=True))
    said = _DOSSIER_CODE[op.get_bind().dialect.name]
    op.execute(f"UPDATE records SET dossier_code = {said}")  # noqa: S608  # of this file's own words
    op.create_index(op.f("ix_records_dossier_code"), "records", ["dossier_code"], unique=False)
    _add_rules()
    _add_decisions()
    _add_disposals()


def _add_rules() -> None:
    op.create_table(
        "retention_schedules",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("schedule_id", sa.String(length=64), nullable=False),
        sa.Column("version", sa.String(length=64), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("adopted_by", sa.String(length=64), nullable=False),
        sa.Column("adopted_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("number"),
        sa.UniqueConstraint("schedule_id", "version", name="uq_retention_schedules_version"),
    )
    op.create_table(
        "retention_events",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("scope", sa.String(length=16), nullable=False),
        sa.Column("target", sa.String(length=64), nullable=False),
        sa.Column("trigger", sa.String(length=64), nullable=False),
        sa.Column("happened_on", sa.Date(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("office", sa.String(length=64), nullable=False),
        sa.Column("told_by", sa.String(length=64), nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("withdrawn_by", sa.String(length=64), nullable=True),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("withdraw_reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_retention_events_target", "retention_events", ["scope", "target"], unique=False)
    op.create_table(
        "holds",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("scope", sa.String(length=16), nullable=False),
        sa.Column("target", sa.String(length=64), nullable=False),
        sa.Column("condition", sa.Text(), nullable=True),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("legal_reference", sa.Text(), nullable=False),
        sa.Column("review_on", sa.Date(), nullable=False),
        sa.Column("office", sa.String(length=64), nullable=False),
        sa.Column("placed_by", sa.String(length=64), nullable=False),
        sa.Column("placed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lifted_by", sa.String(length=64), nullable=True),
        sa.Column("lifted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lift_reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "ix_holds_standing",
        "holds",
        ["id"],
        unique=False,
        sqlite_where=sa.text("lifted_at IS NULL"),
        postgresql_where=sa.text("lifted_at IS NULL"),
    )


def _add_decisions() -> None:
    op.create_table(
        "retention_decisions",
        sa.Column("record_id", sa.String(length=36), nullable=False),
        sa.Column("standing", sa.String(length=16), nullable=False),
        sa.Column("held", sa.Boolean(), nullable=False),
        sa.Column("class_code", sa.String(length=64), nullable=True),
        sa.Column("action", sa.String(length=16), nullable=True),
        sa.Column("trigger_on", sa.Date(), nullable=True),
        sa.Column("due_on", sa.Date(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("look_again_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("record_id"),
    )
    op.create_index("ix_retention_decisions_due", "retention_decisions", ["due_on", "record_id"], unique=False)
    op.create_index(
        op.f("ix_retention_decisions_look_again_at"), "retention_decisions", ["look_again_at"], unique=False
    )
    op.create_index(
        "ix_retention_decisions_held",
        "retention_decisions",
        ["record_id"],
        unique=False,
        sqlite_where=sa.text("held = 1"),
        postgresql_where=sa.text("held"),
    )


def _add_disposals() -> None:
    # What is disposed of is forgotten by its id, one record after another.
    op.create_index("ix_reservations_record", "reservations", ["record_id"], unique=False)
    op.create_table(
        "disposals",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("action", sa.String(length=16), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("office", sa.String(length=64), nullable=False),
        sa.Column("council", sa.Text(), nullable=False),
        sa.Column("proposed_by", sa.String(length=64), nullable=False),
        sa.Column("proposed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("approved_by", sa.String(length=64), nullable=True),
        sa.Column("approved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("receipt", sa.Text(), nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("certificate_sha256", sa.String(length=64), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_disposals_state"), "disposals", ["state"], unique=False)
    op.create_table(
        "disposal_items",
        sa.Column("disposal_id", sa.String(length=36), nullable=False),
        sa.Column("record_id", sa.String(length=36), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("class_code", sa.String(length=64), nullable=True),
        sa.Column("due_on", sa.Date(), nullable=True),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("actor", sa.String(length=64), nullable=True),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("package_sha256", sa.String(length=64), nullable=True),
        sa.PrimaryKeyConstraint("disposal_id", "record_id"),
    )
    op.create_index(op.f("ix_disposal_items_record_id"), "disposal_items", ["record_id"], unique=False)
    op.create_index("ix_disposal_items_state", "disposal_items", ["disposal_id", "state"], unique=False)
    op.create_table(
        "disposal_votes",
        sa.Column("disposal_id", sa.String(length=36), nullable=False),
        sa.Column("member", sa.String(length=64), nullable=False),
        sa.Column("vote", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("voted_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("disposal_id", "member"),
    )
