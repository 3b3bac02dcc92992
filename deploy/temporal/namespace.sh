#!/bin/sh
# Creates the namespace and Lockstep's search attributes where they are missing.
set -eu

namespace=${TEMPORAL_NAMESPACE:-default}
temporal operator namespace describe --namespace "$namespace" >/dev/null 2>&1 ||
  temporal operator namespace create --namespace "$namespace" --retention 72h

# A namespace that was just made is known to all parts of the server only after some seconds.
tries=0
until known=$(temporal operator search-attribute list --namespace "$namespace"); do
  tries=$((tries + 1))
  [ $tries -lt 30 ] || exit 1
  sleep 2
done
for attribute in LockstepMigration LockstepEntity LockstepState LockstepDeadline; do
  case $known in
    *"$attribute"*) ;;
    *) temporal operator search-attribute create --namespace "$namespace" --name "$attribute" --type Keyword ;;
  esac
done
