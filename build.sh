#!/usr/bin/env bash
# Builds the submission image with docker or podman, and can push it. See --help.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

readonly USER_ERROR=2

usage() {
  cat <<'TEXT'
usage: ./build.sh [--tag NAME:TAG] [--push REGISTRY/NAME:TAG]

Checks pretrained/ against its manifest, builds the submission image, and prints size and digest.

  --tag NAME:TAG             name of the image (default: world-models-contest:latest)
  --push REGISTRY/NAME:TAG   also push it under this name
  --help                     show this text

environment:
  CONTAINER_ENGINE           docker or podman (default: the first of them that answers)
  CONTAINER_BUILD_FLAGS      additional flags for `build`, separated by spaces
  CONTAINER_PUSH_FLAGS       additional flags for `push`, separated by spaces
  BASE                       base image with Python 3.11 or newer (default: the Dockerfile's)

The build log goes to stderr, the result to stdout. Exit code 2: an error that the last line explains.
TEXT
}

fail() {
  echo "error: $1" >&2
  exit "$USER_ERROR"
}

parse_arguments() {
  tag=world-models-contest:latest
  push_to=
  while (($#)); do
    case $1 in
      --help) usage && exit ;;
      --tag | --push) [ -n "${2:-}" ] || fail "$1 needs a value (see ./build.sh --help)" ;;
      *) fail "unknown argument '$1' (see ./build.sh --help)" ;;
    esac
    if [ "$1" = --tag ]; then tag=$2; else push_to=$2; fi
    shift 2
  done
  if [ -n "$push_to" ] && [[ $push_to != */* ]]; then
    fail "--push '$push_to' names no registry: use REGISTRY/NAME:TAG"
  fi
}

# The first engine that answers: docker may be installed without a running daemon, beside podman.
choose_engine() {
  local name installed=
  for name in ${CONTAINER_ENGINE:-docker podman}; do
    command -v "$name" >/dev/null || continue
    installed="${installed:+$installed and }'$name info'"
    if "$name" info >/dev/null 2>&1; then
      engine=$name
      check_builder
      return
    fi
  done
  [ -z "$installed" ] ||
    fail "no container engine answers ($installed failed): check that its service runs and that you may use it"
  [ -z "${CONTAINER_ENGINE:-}" ] ||
    fail "CONTAINER_ENGINE is '$CONTAINER_ENGINE', which is not a program: install it, or set another engine"
  fail "neither docker nor podman is installed: install one, or set CONTAINER_ENGINE"
}

# The Dockerfile mounts secrets, which needs BuildKit; docker 23 and newer has it in a plugin.
check_builder() {
  DOCKER_BUILDKIT=1 "$engine" build --help >/dev/null 2>&1 ||
    fail "'$engine build' does not work without its plugin buildx: install docker-buildx (docker-buildx-plugin in Docker's own packages), or set CONTAINER_ENGINE=podman"
}

# The build itself loads the model as the agent does; this check fails earlier, with one line.
check_pretrained() {
  [ -f pretrained/manifest.json ] ||
    fail "pretrained/manifest.json is missing: train a model, then run python -m training.pack"
  local python=python3
  command -v "$python" >/dev/null || return 0
  "$python" - <<'PYTHON' || exit "$USER_ERROR"
import hashlib, json, pathlib, sys

folder = pathlib.Path("pretrained")
advice = "restore it, or pack the model again with python -m training.pack"
try:
    files = json.loads((folder / "manifest.json").read_text("utf-8"))["files"]
    for name, facts in files.items():
        if facts["role"] != "play":
            continue
        if not (folder / name).is_file():
            sys.exit(f"error: {folder / name} is missing: {advice}")
        data = (folder / name).read_bytes()
        found = hashlib.sha256(data).hexdigest()
        if found != facts["sha256"]:
            sys.exit(f"error: {folder / name} was altered (SHA-256 {found[:12]}..., "
                     f"{len(data)} bytes; expected {facts['sha256'][:12]}...): {advice}")
except (ValueError, KeyError, TypeError, AttributeError) as error:
    sys.exit(f"error: pretrained/manifest.json can't be read ({type(error).__name__}): {advice}")
PYTHON
}

revision() {
  git rev-parse --verify -q HEAD 2>/dev/null || { echo unknown && return; }
  [ -z "$(git status --porcelain 2>/dev/null)" ] || echo modified
}

model_digest() {
  { sha256sum pretrained/manifest.json 2>/dev/null || shasum -a 256 pretrained/manifest.json; } |
    cut -d ' ' -f 1
}

build_image() {
  local flags
  read -ra flags <<<"${CONTAINER_BUILD_FLAGS:-}"
  base=${BASE:-$(sed -n 's/^ARG BASE=//p' Dockerfile)}
  "$engine" image inspect "$base" >/dev/null 2>&1 || "$engine" pull "$base" >&2 ||
    fail "the base image '$base' can't be pulled: check the network, or set BASE to another image"
  DOCKER_BUILDKIT=1 "$engine" build ${flags[@]+"${flags[@]}"} --tag "$tag" \
    --build-arg "BASE=$base" \
    --build-arg "VERSION=$(sed -n 's/^version = "\(.*\)"$/\1/p' pyproject.toml)" \
    --build-arg "REVISION=$(revision | paste -sd - -)" \
    --build-arg "MODEL=$(model_digest)" \
    . >&2 || fail "'$engine build' failed: see its messages above"
}

megabytes() { awk -v bytes="$1" 'BEGIN { printf "%.1f MB", bytes / 1e6 }'; }

image_size() { "$engine" image inspect --format '{{.Size}}' "$1"; }

print_image() {
  local total
  total=$(image_size "$tag")
  echo "image: $tag"
  echo "id: $("$engine" image inspect --format '{{.Id}}' "$tag" | sed 's/^sha256://; s/^/sha256:/')"
  echo "size: $(megabytes "$total")"
  echo "added: $(megabytes $((total - $(image_size "$base")))) on top of $base"
}

# Prints the registry's digest: podman writes it to a file, docker stores it by repository.
push_image() {
  local flags repository=$push_to
  read -ra flags <<<"${CONTAINER_PUSH_FLAGS:-}"
  [[ ${push_to##*/} != *:* ]] || repository=${push_to%:*}
  "$engine" tag "$tag" "$push_to" ||
    fail "'$push_to' is not a valid name of an image: use lowercase, REGISTRY/NAME:TAG"
  if "$engine" push --help 2>/dev/null | grep -e --digestfile >/dev/null; then
    digest_file=$(mktemp)
    trap 'rm -f "$digest_file"' EXIT
    flags+=(--digestfile "$digest_file")
  fi
  "$engine" push ${flags[@]+"${flags[@]}"} "$push_to" >&2 ||
    fail "'$engine push $push_to' failed: check the login and the registry's address"
  echo "pushed: $push_to"
  if [ -n "${digest_file:-}" ]; then
    echo "digest: $(cat "$digest_file")"
  else
    echo "digest: $("$engine" image inspect --format '{{range .RepoDigests}}{{println .}}{{end}}' \
      "$push_to" | sed -n "s|^$repository@||p" | sed -n 1p)"
  fi
}

parse_arguments "$@"
choose_engine
check_pretrained
build_image
print_image
if [ -n "$push_to" ]; then
  push_image
else
  local_digest=$("$engine" image inspect --format '{{.Digest}}' "$tag" 2>/dev/null || true)
  echo "digest: ${local_digest:-none} (of the local store; a registry may compute another one)"
fi
