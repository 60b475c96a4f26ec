#!/bin/sh
# A server of docker-compose.cluster.yml: Patroni, which starts and promotes PostgreSQL. What is not in
# patroni.yml: its name, which is the service's, and its passwords, which are secrets.
set -eu
name=$(hostname)
export PATRONI_NAME="$name" PATRONI_RESTAPI_CONNECT_ADDRESS="$name:8008" PATRONI_POSTGRESQL_CONNECT_ADDRESS="$name:5432"
PATRONI_SUPERUSER_PASSWORD=$(cat /run/secrets/superuser.password)
PATRONI_REPLICATION_PASSWORD=$(cat /run/secrets/replication.password)
PATRONI_RESTAPI_USERNAME=patroni
PATRONI_RESTAPI_PASSWORD=$(cat /run/secrets/replication.password)
export PATRONI_SUPERUSER_PASSWORD PATRONI_REPLICATION_PASSWORD PATRONI_RESTAPI_USERNAME PATRONI_RESTAPI_PASSWORD
exec patroni /etc/patroni.yml
