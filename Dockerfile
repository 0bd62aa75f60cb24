# What docker-compose.yml builds: the services under test (one image for every architecture, the command says which), and
# Connect and PgBouncer, for which no official image is what is needed. Behind a proxy or with private registries a build is
# handed your npm or Maven configuration as a build secret: it is in no layer (docs/docker-compose.md).
ARG NODE_IMAGE=node:22.23.3-bookworm-slim

# --- the packages that services need when they run
FROM ${NODE_IMAGE} AS packages
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN --mount=type=secret,id=npmrc,target=/root/.npmrc \
    --mount=type=secret,id=ca,target=/run/ca.pem \
    --mount=type=cache,target=/root/.npm \
    NODE_EXTRA_CA_CERTS=/run/ca.pem npm ci --omit=dev --omit=optional --ignore-scripts --no-audit --no-fund

# --- what only the build needs, and the build
FROM packages AS build
RUN --mount=type=secret,id=npmrc,target=/root/.npmrc \
    --mount=type=secret,id=ca,target=/run/ca.pem \
    --mount=type=cache,target=/root/.npm \
    NODE_EXTRA_CA_CERTS=/run/ca.pem npm ci --omit=optional --ignore-scripts --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY src src
COPY reference-impl reference-impl
COPY compose/healthcheck compose/secrets bin/
# A checkout may be readable by its owner only; what runs is not its owner.
RUN npx tsc -p tsconfig.build.json \
    && rm -f dist/.tsbuildinfo \
    && find reference-impl -type f ! -name '*.sql' -delete \
    && chmod -R a+rX package.json dist reference-impl \
    && chmod 755 bin/*

# --- what runs: no compiler, no engine, no source but the SQL of the schemas
FROM ${NODE_IMAGE} AS service
ENV NODE_ENV=production
WORKDIR /app
COPY --from=build /app/package.json ./
COPY --from=packages /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY --from=build /app/reference-impl reference-impl
COPY --from=build /app/bin /usr/local/bin/
# The image's user node.
USER 1000:1000
EXPOSE 8080
HEALTHCHECK --interval=5s --timeout=3s --start-period=30s --retries=3 CMD ["healthcheck"]
CMD ["node", "--enable-source-maps", "dist/src/target/stand-alone-main.js"]

# ================================================================= Kafka Connect with Debezium
FROM maven:3.9.11-eclipse-temurin-21 AS connectors
ARG DEBEZIUM=3.6.3.Final
RUN --mount=type=secret,id=maven,target=/run/settings.xml \
    --mount=type=cache,target=/root/.m2/repository \
    mvn --batch-mode --strict-checksums --settings /run/settings.xml dependency:copy \
        -Dartifact=io.debezium:debezium-connector-postgres:${DEBEZIUM}:tar.gz:plugin -DoutputDirectory=/download \
    && mkdir /plugins \
    && tar --extract --gzip --directory /plugins --file /download/debezium-connector-postgres-${DEBEZIUM}-plugin.tar.gz
COPY compose/connect/plugins /plugins
COPY compose/connect/worker.properties /worker.properties
RUN chmod -R a+rX /plugins /worker.properties

FROM apache/kafka:4.3.1 AS connect
COPY --from=connectors /plugins /opt/connect/plugins
COPY --from=connectors /worker.properties /opt/connect/worker.properties
EXPOSE 8083
ENTRYPOINT ["/opt/kafka/bin/connect-distributed.sh", "/opt/connect/worker.properties"]

# ================================================================= PgBouncer, as Debian packages it
FROM debian:13.2-slim AS pgbouncer
# No version: Debian 13 carries one PgBouncer and its security updates.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends pgbouncer \
    && rm -rf /var/lib/apt/lists/*
COPY compose/pgbouncer/pgbouncer.ini /etc/pgbouncer/pgbouncer.ini
COPY compose/pgbouncer/start /usr/local/bin/start
RUN chmod a+r /etc/pgbouncer/pgbouncer.ini && chmod 755 /usr/local/bin/start
USER 65534:65534
EXPOSE 6432
CMD ["start"]
