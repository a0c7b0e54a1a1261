# The contest submission: the agent, its packed model, and the three packages that play needs.
# Two stages, so that pip, its caches and what the packages carry for other uses stay behind.
ARG BASE=python:3.11-slim-bookworm

# ---- build: packages and agent, pruned, compiled, and proven to load ----
FROM ${BASE} AS build
WORKDIR /build
ENV PYTHONDONTWRITEBYTECODE=1 PIP_ROOT_USER_ACTION=ignore \
    PIP_DISABLE_PIP_VERSION_CHECK=1

# What to install is said once, in pyproject.toml (extra `agent`); which version, in constraints.txt.
COPY pyproject.toml constraints.txt ./
RUN --mount=type=secret,id=pipconf,target=/etc/pip.conf,required=false \
    --mount=type=secret,id=ca,target=/run/secrets/ca.pem,required=false \
    python -c 'import pathlib, tomllib; \
project = tomllib.loads(pathlib.Path("pyproject.toml").read_text("utf-8"))["project"]; \
print(*project["optional-dependencies"]["agent"], sep="\n")' > requirements.txt \
    && pip install --no-cache-dir --no-compile --only-binary :all: --target /opt/packages \
        --requirement requirements.txt --constraint constraints.txt

# Left out: tests, headers, stubs, and ONNX Runtime's tools for converting models.
WORKDIR /opt/packages
RUN rm -rf bin numpy/f2py numpy/distutils numpy/_core/include numpy/_core/lib numpy/random/lib \
        onnxruntime/transformers onnxruntime/quantization onnxruntime/tools onnxruntime/datasets \
    && find . -depth \( -type d \( -name tests -o -name __pycache__ \) -o -type f -name '*.pyi' \) \
        -exec rm -rf {} +

COPY agent /root/compo/agent
# What only people and training need, .dockerignore leaves out.
COPY pretrained /root/compo/pretrained
# Compiled now: nothing may be written later, and a start must take less than two seconds. The
# hashes are unchecked: a copied file's time says nothing. `out` takes the journal of any user.
WORKDIR /root/compo
RUN python -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/packages agent \
    && chmod -R a+rX /opt/packages /root/compo \
    && mkdir tmp out && chmod 1777 out \
    && PYTHONPATH=/opt/packages python -c 'from pathlib import Path; \
from agent.evolution import Evolution; \
from agent.world_model.packed_model import load; \
from agent.world_model.world_model import load_world_model; \
folder = Path("pretrained"); \
load_world_model(load(folder)); \
Evolution.load(folder)'

# ---- the submission ----
FROM ${BASE}
ENV PYTHONPATH=/opt/packages PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
COPY --from=build /opt/packages /opt/packages
COPY --from=build /root/compo /root/compo
# /root is closed to others in the base image; a user without rights must reach the agent too.
RUN chmod a+rx /root
WORKDIR /root/compo

# No USER: the contest's own environment owns the socket as root and leaves it closed to others.
# Whoever runs the image as another user (--user) can, for nothing in it needs root.
# As process 1 Python ignores SIGTERM but turns SIGINT into a clean end.
STOPSIGNAL SIGINT
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
