"""Whose record each piece of follow-up work is for, so that depositors take turns."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the depositor to work; an older version beside this one leaves it empty, which is a share like any other."""
    op.add_column("jobs", sa.Column("share", sa.String(length=64), nullable=False, server_default=""))
    op.execute(
        "UPDATE jobs SET share = COALESCE((SELECT depositor FROM records WHERE records.id = jobs.record_id), '')"
    )
    op.create_index("ix_jobs_share", "jobs", ["kind", "state", "share", "due_at"], unique=False)
