# Two images from one file: `service` (small, serves) and `training` (makes the models). `service` is the default.

FROM python:3.11-slim-bookworm AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /src
RUN python -m venv /opt/venv
COPY pyproject.toml README.md LICENSE ./
# The packages change less often than the code: they get a layer of their own.
RUN mkdir app training && touch app/__init__.py training/__init__.py
# RUNTIME is cpu or gpu: which onnxruntime.
ARG RUNTIME=cpu
RUN /opt/venv/bin/pip install ".[$RUNTIME]"
COPY deploy/check-cuda deploy/
RUN [ "$RUNTIME" != gpu ] || /opt/venv/bin/python deploy/check-cuda
COPY app app
RUN /opt/venv/bin/pip install --no-deps --force-reinstall .

FROM build AS build-training
ARG RUNTIME=cpu
RUN /opt/venv/bin/pip install ".[$RUNTIME,train]"
COPY training training
RUN /opt/venv/bin/pip install --no-deps --force-reinstall .

FROM python:3.11-slim-bookworm AS base
# No root at run time; the same user owns the volumes that both images use.
RUN groupadd --gid 10001 tessera && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent tessera \
    && mkdir /models /cache /keys && chown tessera:tessera /models /cache /keys && chmod 700 /keys
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 ORT_DISABLE_TELEMETRY=1
WORKDIR /srv

FROM base AS training
COPY --from=build-training /opt/venv /opt/venv
ENV TESSERA_CACHE=/cache HOME=/tmp
COPY models models
COPY deploy/fill-models /usr/local/bin/fill-models
USER tessera
VOLUME ["/models", "/cache"]
CMD ["fill-models", "/models"]

FROM base AS service
COPY --from=build /opt/venv /opt/venv
ENV TESSERA_HOST=0.0.0.0 TESSERA_PORT=8000 TESSERA_MODELS_DIR=/models TESSERA_KEYS_FILE=/keys/keys.json
USER tessera
VOLUME ["/models", "/keys"]
EXPOSE 8000
HEALTHCHECK --interval=5s --timeout=3s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/health/ready', timeout=2)"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["python", "-m", "app"]
CMD ["serve"]
