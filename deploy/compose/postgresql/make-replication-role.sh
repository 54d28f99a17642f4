#!/usr/bin/env bash
# Run once by the primary's first start, before it listens: a role that only replicates, and a slot, so that the primary
# keeps what the replica has not had yet. From the next start on a commit waits for the replica.
set -euo pipefail

psql --no-psqlrc --set=ON_ERROR_STOP=1 --set=password="$(</run/secrets/replication_password)" \
    --username="$POSTGRES_USER" --dbname="$POSTGRES_DB" <<'SQL'
CREATE ROLE replication LOGIN REPLICATION PASSWORD :'password';
SELECT pg_create_physical_replication_slot('replica');
ALTER SYSTEM SET synchronous_standby_names = 'replica';
SQL
printf 'host replication replication all scram-sha-256\n' >>"$PGDATA/pg_hba.conf"
