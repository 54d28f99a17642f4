#!/usr/bin/env bash
# Starts the replica: its first start copies the primary, every later one goes on from where it was.
# Arguments go to postgres. After `pg_ctl promote` it is a primary and stays one.
set -euo pipefail

if [[ ! -s $PGDATA/PG_VERSION ]]; then
    PGPASSWORD=$(</run/secrets/replication_password)
    export PGPASSWORD
    # A copy that was broken off leaves nothing that would pass for a whole one.
    rm -rf "$PGDATA.part"
    pg_basebackup --pgdata="$PGDATA.part" --slot=replica --wal-method=stream --checkpoint=fast --write-recovery-conf \
        --dbname="host=$PRIMARY_HOST user=replication application_name=replica"
    unset PGPASSWORD
    mv "$PGDATA.part" "$PGDATA"
    chmod 0700 "$PGDATA"
fi
# What it copied from the primary says that commits wait for the replica. Promoted, it has none to wait for.
exec postgres -c synchronous_standby_names= "$@"
