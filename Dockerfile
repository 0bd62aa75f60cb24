# The services under test, for docker-compose.yml: one image for every architecture, the command says which.
# Behind a proxy or with a private registry the build is handed your npm configuration as a build secret: it is in no layer
# (docs/docker-compose.md).
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
RUN npx tsc -p tsconfig.build.json && rm -f dist/.tsbuildinfo

# --- what runs: no compiler, no engine, no source but the schemas
FROM ${NODE_IMAGE} AS service
ENV NODE_ENV=production
WORKDIR /app
COPY --from=packages /app/package.json ./
COPY --from=packages /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY --from=build /app/reference-impl reference-impl
COPY compose/healthcheck compose/secrets /usr/local/bin/
USER node
EXPOSE 8080
HEALTHCHECK --interval=5s --timeout=3s --start-period=30s --retries=3 CMD ["healthcheck"]
CMD ["node", "--enable-source-maps", "dist/src/target/stand-alone-main.js"]
