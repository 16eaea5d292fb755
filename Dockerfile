# syntax=docker/dockerfile:1
# The daemon as an image: compiled in one stage, run in another that holds only what running needs.

FROM node:22-slim AS build
WORKDIR /app
COPY package.json package-lock.json tsconfig.json ./
# The scripts are left out because "prepare" compiles sources that are not copied yet.
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY bin ./bin
COPY src ./src
RUN npm run build

FROM node:22-slim
LABEL org.opencontainers.image.title="nsqd-ts" org.opencontainers.image.licenses="MIT"
ENV NODE_ENV=production
RUN groupadd --system --gid 4150 nsqd \
  && useradd --system --uid 4150 --gid nsqd --no-create-home --shell /usr/sbin/nologin nsqd \
  && install --directory --owner=nsqd --group=nsqd --mode=0750 /data
WORKDIR /app
COPY package.json LICENSE ./
COPY bin ./bin
COPY --from=build /app/dist ./dist
USER nsqd
VOLUME /data
# The data directory stays /data when other arguments replace the default ones: without
# --data-path it is this directory.
WORKDIR /data
# 4150: clients; 4151: HTTP API, metrics and health.
EXPOSE 4150 4151
# Asks the default HTTP address; override it when --http-address says another.
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 CMD ["node", "-e", \
  "fetch('http://127.0.0.1:4151/ping').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
# The exec form makes the daemon process 1, so that it gets the SIGTERM of a stopping container.
ENTRYPOINT ["node", "/app/bin/nsqd-ts.js"]
CMD ["--data-path=/data"]
