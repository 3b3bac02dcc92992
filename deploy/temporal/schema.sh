#!/bin/sh
# Creates or updates Temporal's tables; every step is skipped where it has been done.
set -eu

for database in temporal temporal_visibility; do
  tool="temporal-sql-tool --plugin $DB --endpoint $POSTGRES_SEEDS --port $DB_PORT --user $POSTGRES_USER --db $database"
  $tool create
  $tool setup-schema --version 0.0
  $tool update-schema --schema-dir "/etc/temporal/schema/postgresql/v12/${database#temporal_}/versioned"
done
