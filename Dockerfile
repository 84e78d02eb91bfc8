# Two stages, so that the image contains the installed packages, but no compiler, pip cache or sources. BASE is any image
# with `python` and its venv module: make deploy-check builds on one of its own, without a registry of images.
ARG BASE=python:3.13-slim
FROM ${BASE} AS build
WORKDIR /src
RUN python -m venv /opt/uneri
COPY requirements.lock ./
# Everything that is installed below was downloaded and verified here; development tools are downloaded, but not installed.
RUN /opt/uneri/bin/pip download --no-cache-dir --require-hashes --no-deps --dest /locked --requirement requirements.lock
RUN python -m venv /opt/build \
 && /opt/build/bin/pip install --no-cache-dir --no-index --find-links /locked hatchling
COPY pyproject.toml README.md LICENSE ./
COPY config config
COPY detectors detectors
COPY alerting alerting
COPY streams streams
# All that a daemon may need: --build-arg EXTRAS=all adds tune.
ARG EXTRAS=aws,msk
RUN /opt/build/bin/pip wheel --no-cache-dir --no-index --no-deps --no-build-isolation --wheel-dir /wheels . \
 && /opt/uneri/bin/pip install --no-cache-dir --no-index --find-links /locked "$(echo /wheels/*.whl)[$EXTRAS]"

FROM ${BASE}
LABEL org.opencontainers.image.title="uneri" org.opencontainers.image.licenses="MIT"
RUN useradd --system --uid 10001 --home-dir /var/lib/uneri --create-home --shell /usr/sbin/nologin uneri
COPY --from=build /opt/uneri /opt/uneri
# The root may be read-only: everything is written to the state volume or to /tmp. Compiled machine code goes to the
# volume, since /tmp is empty after a restart and recompiling delays the first judged minute by seconds.
ENV PATH=/opt/uneri/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    NUMBA_CACHE_DIR=/var/lib/uneri/numba-cache
USER uneri
WORKDIR /var/lib/uneri
VOLUME ["/var/lib/uneri"]
# 8765 is the default of local.listen, 8766 of web.listen: which one answers depends on the configuration.
EXPOSE 8765 8766
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
  CMD ["python", "-m", "streams.process.health_check", "8765", "8766"]
ENTRYPOINT ["uneri"]
CMD ["run"]
