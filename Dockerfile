# The contest submission: the agent, its packed model, and the three packages that play needs.
# Two stages, so that pip, its caches and unused parts of the packages are not in the image.
ARG BASE=python:3.11-slim-bookworm

# ---- build: install and prune packages, compile, and check that the model loads ----
FROM ${BASE} AS build
WORKDIR /build
ENV PYTHONDONTWRITEBYTECODE=1 PIP_ROOT_USER_ACTION=ignore \
    PIP_DISABLE_PIP_VERSION_CHECK=1

# pyproject.toml (extra `agent`) names the packages, constraints.txt their versions.
COPY pyproject.toml constraints.txt ./
RUN --mount=type=secret,id=pipconf,target=/etc/pip.conf,required=false \
    --mount=type=secret,id=ca,target=/run/secrets/ca.pem,required=false \
    python -c 'import pathlib, tomllib; \
project = tomllib.loads(pathlib.Path("pyproject.toml").read_text("utf-8"))["project"]; \
print(*project["optional-dependencies"]["agent"], sep="\n")' > requirements.txt \
    && pip install --no-cache-dir --no-compile --only-binary :all: --target /opt/packages \
        --requirement requirements.txt --constraint constraints.txt

# Remove tests, headers, stubs, and ONNX Runtime's tools for converting models.
WORKDIR /opt/packages
RUN rm -rf bin numpy/f2py numpy/distutils numpy/_core/include numpy/_core/lib numpy/random/lib \
        onnxruntime/transformers onnxruntime/quantization onnxruntime/tools onnxruntime/datasets \
    && find . -depth \( -type d \( -name tests -o -name __pycache__ \) -o -type f -name '*.pyi' \) \
        -exec rm -rf {} +

COPY agent /root/compo/agent
# .dockerignore excludes the files that only people and training need.
COPY pretrained /root/compo/pretrained
# Compile now, because the file system may be read-only later and the agent must start in less than
# two seconds. Use unchecked hashes, because copying changes file times. Any user may write to `out`.
WORKDIR /root/compo
RUN python -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/packages agent \
    && chmod -R a+rX /opt/packages /root/compo \
    && mkdir tmp out && chmod 1777 out \
    && PYTHONPATH=/opt/packages python -c 'from pathlib import Path; \
from agent.evolution.cma_es import Evolution; \
from agent.world_model.packed_model import load; \
from agent.world_model.world_model import load_world_model; \
folder = Path("pretrained"); \
load_world_model(load(folder)); \
Evolution.load(folder)'

# ---- the submission ----
FROM ${BASE}
# An image built on this one also finds the module gym_remote, which agents of 2018 import.
ENV PYTHONPATH=/opt/packages:/root/compo/agent/compatibility PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
COPY --from=build /opt/packages /opt/packages
COPY --from=build /root/compo /root/compo
# In the base image only root can enter /root; other users must be able to run the agent too.
RUN chmod a+rx /root
WORKDIR /root/compo

# No USER: the contest's environment creates the socket as root, without access for others. The
# image also runs as any other user (--user).
CMD ["python", "-m", "agent"]

ARG BASE
ARG VERSION=unknown
ARG REVISION=unknown
ARG MODEL=unknown
LABEL org.opencontainers.image.title="world-models-contest" \
      org.opencontainers.image.description="A World Models agent for the Retro Contest: plays over the gym_remote socket tmp/sock" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.base.name="${BASE}" \
      world-models-contest.model="${MODEL}"
