#!/usr/bin/env bash
# Servers that are no part of this package and stand in for a user's own in tests: Redis from the distribution's package,
# unpacked and not installed (so that no service starts), and Kafka's jars from Maven. In: a folder. Out: `redis/usr/bin`,
# `redis/usr/lib/*`, `kafka/lib` below it.
set -euo pipefail
folder=$1

if ! command -v redis-server >/dev/null && [ ! -x "$folder/redis/usr/bin/redis-server" ]; then
  if ! command -v apt-get >/dev/null; then
    echo 'install redis-server, then run this again'
    exit 1
  fi
  mkdir -p "$folder/debs/partial" "$folder/redis"
  apt-get update -q
  apt-get install -y -q --no-install-recommends --download-only -o Dir::Cache::archives="$folder/debs" redis-server
  for deb in "$folder"/debs/*.deb; do dpkg -x "$deb" "$folder/redis"; done
fi

if [ ! -d "$folder/kafka/lib" ]; then
  if ! command -v mvn >/dev/null; then
    command -v apt-get >/dev/null || {
      echo 'install Maven and a Java 17 runtime, then run this again'
      exit 1
    }
    apt-get install -y -q --no-install-recommends openjdk-17-jre-headless maven
  fi
  mvn -q -B -C -f "$(dirname "$0")/../test/fixtures/kafka/pom.xml" generate-resources -Dlib="$folder/kafka/lib.part"
  mv "$folder/kafka/lib.part" "$folder/kafka/lib"
fi
