# Three images from one file: `service` (small, serves), `models` (copies the committed models into a repository) and
# `training` (makes the others). `service` is the default.

FROM python:3.11-slim-bookworm AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
# ONNX's string normalisers ask for this locale by name.
RUN apt-get update && apt-get install -y --no-install-recommends locales && rm -rf /var/lib/apt/lists/* \
    && localedef --no-archive -i en_US -f UTF-8 en_US.UTF-8
WORKDIR /src
RUN python -m venv --without-pip /opt/venv
# The packages change less often than the code and its documentation: they get a layer of their own.
COPY pyproject.toml ./
RUN mkdir app training && touch app/__init__.py training/__init__.py tessera.py README.md LICENSE
# RUNTIME is cpu or gpu: which onnxruntime.
ARG RUNTIME=cpu
RUN pip --python /opt/venv/bin/python install ".[$RUNTIME,db,generation,grpc,otel,remote]" && find /opt/venv -type d -name tests -prune -exec rm -r {} +
COPY deploy/check-cuda deploy/
RUN [ "$RUNTIME" != gpu ] || /opt/venv/bin/python deploy/check-cuda
COPY README.md LICENSE tessera.py ./
COPY app app
RUN pip --python /opt/venv/bin/python install --no-deps --force-reinstall .

FROM build AS build-training
ARG RUNTIME=cpu
# An index with torch's build for CPUs: it has a tenth of the size of the one for GPUs, which is taken without.
ARG TORCH_INDEX=
# pip stays in this image, since recipes fetch data and weights as packages.
RUN pip --python /opt/venv/bin/python install ${TORCH_INDEX:+--extra-index-url "$TORCH_INDEX"} pip ".[$RUNTIME,generation,otel,train]"
COPY training training
RUN pip --python /opt/venv/bin/python install --no-deps --force-reinstall .

FROM python:3.11-slim-bookworm AS base
# No root at run time; the same user owns the volumes that the images share. Nobody installs anything here.
RUN groupadd --gid 10001 tessera && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent tessera \
    && mkdir /models /cache /keys /jobs /events && chown tessera:tessera /models /cache /keys /jobs /events && chmod 700 /keys /jobs /events \
    && pip uninstall --yes --root-user-action ignore setuptools wheel pip \
    && rm -rf /usr/local/lib/python3.11/ensurepip
COPY --from=build /usr/lib/locale/en_US.utf8 /usr/lib/locale/en_US.utf8
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 ORT_DISABLE_TELEMETRY=1
WORKDIR /srv

FROM base AS models
COPY models models
COPY deploy/copy-models /usr/local/bin/copy-models
USER tessera
VOLUME ["/models"]
CMD ["copy-models", "models", "/models"]

FROM base AS training
COPY --from=build-training /opt/venv /opt/venv
ENV TESSERA_CACHE=/cache HOME=/tmp
USER tessera
VOLUME ["/models", "/cache"]
HEALTHCHECK --interval=5s --timeout=3s --start-period=5s --retries=1 CMD ["test", "!", "-e", "/tmp/failed"]
STOPSIGNAL SIGTERM
CMD ["python", "-m", "training.beside", "--stay", "--workdir", "/cache/training", "/models"]

FROM base AS service
COPY --from=build /opt/venv /opt/venv
ENV TESSERA_HOST=0.0.0.0 TESSERA_PORT=8000 TESSERA_MODELS_DIR=/models TESSERA_KEYS_FILE=/keys/keys.json TESSERA_JOBS_DIR=/jobs \
    TESSERA_DATABASE_URL=sqlite:////events/events.db
USER tessera
VOLUME ["/models", "/keys", "/jobs", "/events"]
EXPOSE 8000
HEALTHCHECK --interval=5s --timeout=3s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import os, ssl, urllib.request as ask; anyone = ssl.create_default_context(); anyone.check_hostname = False; anyone.verify_mode = ssl.CERT_NONE; ask.urlopen(('https' if os.environ.get('TESSERA_TLS_CERT') else 'http') + '://127.0.0.1:8000/health/ready', timeout=2, context=anyone)"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["python", "-m", "app"]
CMD ["serve"]
