#!/usr/bin/env bash
# The image lets everybody with a password connect to databases, and nobody replicate.
printf 'host replication %s all scram-sha-256\n' "$POSTGRES_USER" >>"$PGDATA/pg_hba.conf"
