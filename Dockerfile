# syntax=docker/dockerfile:1
FROM node:20-bookworm-slim AS page
WORKDIR /page
COPY dashboard/page/package.json dashboard/page/package-lock.json dashboard/page/.npmrc dashboard/page/build.mjs ./
RUN npm ci --omit=dev && node build.mjs

FROM python:3.12-slim-bookworm AS build
WORKDIR /build
COPY requirements-image.lock ./
RUN python -m venv /opt/sendmany \
    && /opt/sendmany/bin/pip install --no-cache-dir --require-hashes -r requirements-image.lock
COPY pyproject.toml README.md LICENSE ./
COPY config config
COPY chatapps chatapps
COPY store store
COPY producer producer
COPY worker worker
COPY dashboard dashboard
COPY --from=page /page/vendor dashboard/page/vendor
COPY sendmany sendmany
RUN pip install --no-cache-dir hatchling \
    && pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir /build/dist . \
    && /opt/sendmany/bin/pip install --no-cache-dir --no-deps /build/dist/*.whl

FROM python:3.12-slim-bookworm
RUN useradd --system --uid 10001 --create-home --home-dir /var/lib/sendmany sendmany
COPY --from=build /opt/sendmany /opt/sendmany
ENV PATH=/opt/sendmany/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    SENDMANY_LOG_FORMAT=json \
    SENDMANY_STATE_DIR=/var/lib/sendmany/state
WORKDIR /var/lib/sendmany
USER sendmany
# A worker settles what is in the air before it ends; give it the time.
STOPSIGNAL SIGTERM
ENTRYPOINT ["sendmany"]
CMD ["worker", "--concurrency", "2"]
