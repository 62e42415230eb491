#!/usr/bin/env bash
# How `data.tar.xz` and `facts.json` were made, at the commit that the README beside this names: services of its own,
# a few hundred records, batches, versions, a prediction server's cache; then all that a data directory holds.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cd "${1:?the clone to make it with}"
work=$(mktemp -d)
trap "python -m infra down; rm -rf $work" EXIT
export SWATHE_DATA=$work/data SWATHE_PORT_KAFKA=25000 SWATHE_PORT_KAFKA_CONTROLLER=25001 SWATHE_PORT_MINIO=25002 \
    SWATHE_PORT_MINIO_CONSOLE=25003 SWATHE_PORT_MLFLOW=25004 SWATHE_PORT_SERVING=25005 SWATHE_PORT_SUPERVISOR=25006
export PATH=$PWD/.venv/bin:$PATH
python -m infra up
eval "$(python -m infra env)"
python "$here/records.py" "$here" --files
python -m pipeline replay --stream "$here/streams/kept.yaml" --file "$here/kept.csv"
python -m pipeline replay --stream "$here/streams/kept-sweep.yaml" --file "$here/kept-sweep.csv" --limit 150
python "$here/records.py" "$work" --odd-records
for stream in kept kept-sweep kept-windows; do
    python -m pipeline land --stream "$here/streams/$stream.yaml" --exit-when-idle 1s
    python -m pipeline verify --stream "$here/streams/$stream.yaml"
done
for stream in kept kept-sweep; do
    mlflow run . --env-manager local -P stream="$here/streams/$stream.yaml"
done
mlflow run . --env-manager local -P stream="$here/streams/kept.yaml" -P scheme=cumulative -P batch=1
python "$here/records.py" "$here" --facts > "$here/facts.json"
python "$here/records.py" "$here" --not-landed
python -m infra down
# Charts are not what is kept, and passwords are made anew.
tar --sparse -cJf "$here/data.tar.xz" -C "$SWATHE_DATA" --exclude='*/artifacts/images' --exclude=logs --exclude=commands \
    --exclude=credentials.env --exclude=supervisord.conf --exclude=settings.json .
