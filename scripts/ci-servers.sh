#!/usr/bin/env bash
# A server that is no part of this package and stands in for a user's own in tests: Kafka's jars from Maven. In: a folder.
# Out: `kafka/lib` below it. Redis and its like come by `headroom engines install`.
set -euo pipefail
folder=$1

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
