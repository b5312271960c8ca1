# One image for every process of Knowledge Foundry; the targets differ only in what they start.
#   docker build --target app -t knowledge-foundry .
#   docker build --target worker -t knowledge-foundry-worker .
# EXTRAS=torch adds sentence-transformers with PyTorch (several GB).

ARG PYTHON_VERSION=3.12

FROM python:${PYTHON_VERSION}-slim AS build
ARG EXTRAS=""
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy
WORKDIR /app
RUN python -m venv /venv && /venv/bin/pip install --no-cache-dir uv
# The packages change less often than the code: they get a layer of their own.
COPY pyproject.toml requirements.lock ./
RUN /venv/bin/uv pip install --python /venv/bin/python --no-cache --no-deps --require-hashes -r requirements.lock
COPY README.md LICENSE ./
COPY core ./core
COPY config ./config
COPY db ./db
COPY plugins ./plugins
COPY graph ./graph
COPY services ./services
COPY jobs ./jobs
COPY chat_app ./chat_app
COPY admin_app ./admin_app
RUN /venv/bin/uv pip install --python /venv/bin/python --no-cache --no-deps -e . \
    && if [ -n "$EXTRAS" ]; then \
        /venv/bin/uv pip install --python /venv/bin/python --no-cache -c requirements.lock -e ".[$EXTRAS]"; \
    fi

FROM python:${PYTHON_VERSION}-slim AS runtime
ENV PATH=/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    DO_NOT_TRACK=1 \
    FOUNDRY_DATA_DIR=/data
# Reads scans and pictures; other languages are packages of their own, such as tesseract-ocr-deu.
RUN apt-get update \
    && apt-get install -y --no-install-recommends tesseract-ocr \
    && rm -rf /var/lib/apt/lists/*
RUN useradd --system --uid 10001 --home-dir /home/foundry --create-home --shell /usr/sbin/nologin foundry \
    && install -d -o foundry -g foundry -m 0700 /data
WORKDIR /app
COPY --from=build /venv /venv
COPY --from=build --chown=foundry:foundry /app /app
USER 10001
VOLUME /data

FROM runtime AS worker
# Reads Word and PowerPoint files of before 2007.
USER root
RUN apt-get update \
    && apt-get install -y --no-install-recommends libreoffice-writer-nogui libreoffice-impress-nogui \
    && rm -rf /var/lib/apt/lists/*
USER 10001
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=60s --timeout=30s --start-period=60s --retries=3 CMD ["foundry", "doctor", "--only", "worker"]
CMD ["python", "-m", "jobs.worker"]

FROM runtime AS app
EXPOSE 8000 8501
STOPSIGNAL SIGTERM
CMD ["python", "-m", "chat_app.asgi"]
