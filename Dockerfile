# The service and its workers in one image: the command says which. Build: buildah bud -t archive-service .
# Any Debian 12 base serves; name another with --build-arg BASE=…
ARG BASE=docker.io/library/debian:bookworm-slim

FROM ${BASE} AS packages
RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends ca-certificates python3 python3-venv
# The certificates of this image, rather than those that pip and uv bring along: they differ behind a proxy.
ENV PIP_CERT=/etc/ssl/certs/ca-certificates.crt SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt \
    UV_PYTHON=/opt/archive-service/bin/python UV_PYTHON_DOWNLOADS=never UV_LINK_MODE=copy
WORKDIR /build
COPY scripts/locks/uv.lock scripts/locks/build.lock scripts/locks/
RUN python3 -m venv /opt/uv && python3 -m venv --without-pip /opt/archive-service \
    && /opt/uv/bin/pip install --quiet --no-cache-dir --require-hashes -r scripts/locks/uv.lock
COPY requirements.lock ./
RUN /opt/uv/bin/uv pip sync --quiet --no-cache --require-hashes requirements.lock
COPY pyproject.toml README.md ./
COPY archive_service archive_service
COPY archive_verify archive_verify
COPY retention retention
RUN /opt/uv/bin/uv pip install --quiet --no-cache --no-deps --build-constraints scripts/locks/build.lock . \
    && /opt/archive-service/bin/python -m compileall -q /opt/archive-service/lib \
    && rm -f /opt/archive-service/.lock

FROM ${BASE}
# What the service needs of the system: Python, text recognition with Vietnamese, the sandbox's library, a font for
# the visible mark of a seal.
RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends \
        ca-certificates python3 libseccomp2 tesseract-ocr tesseract-ocr-vie fonts-dejavu-core \
    && apt-get clean && rm -rf /var/lib/apt/lists/*
COPY --from=packages /opt/archive-service /opt/archive-service
# Nobody's account: it owns nothing but the data folder, and the root file system may be read-only.
RUN groupadd --gid 10001 archive \
    && useradd --uid 10001 --gid archive --no-create-home --home-dir /nonexistent archive \
    && install -d -o archive -g archive -m 0700 /data
USER 10001:10001
ENV PATH=/opt/archive-service/bin:$PATH \
    PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    ARCHIVE_DATA_DIR=/data ARCHIVE_LISTEN_HOST=0.0.0.0
WORKDIR /data
VOLUME /data
EXPOSE 8080
STOPSIGNAL SIGTERM
ENTRYPOINT ["archive-service"]
CMD ["serve"]
