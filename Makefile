# `make eval` and `make test` work in a new clone. They need Python 3.11 or newer, and make. The
# tests also need a C compiler, xdelta3, Chromium and (the slow ones) Xvfb, and install them as root
# on Debian.
# The targets that need .venv set it up, and update it only if pyproject.toml or constraints.txt
# changed.
# How pip reaches its index (certificates, mirrors, wheel folders) is configured in pip itself.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

PYTHON ?= $(shell command -v python3.11 || command -v python3 || echo python3)
VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
SHELL_SCRIPTS := build.sh training/pangolin.sh training/recipe.sh .ci/run
PYTEST := $(BIN)/python -m pytest
# The tests of `make test`. Tests marked slow or container have targets of their own.
FAST := not slow and not gpu and not container

export OMP_NUM_THREADS ?= 1

.PHONY: help
help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 16

.PHONY: eval
eval: $(VENV)/.arena ## evaluate the pretrained agent on this machine
	@$(BIN)/python local_eval.py run

.PHONY: test
test: $(VENV)/.dev compiler xdelta3 chromium ## run the fast tests, under three minutes
	$(PYTEST) -m "$(FAST)" --numprocesses 2 --dist loadfile

.PHONY: test-slow
test-slow: $(VENV)/.dev compiler xdelta3 xvfb ## run the tests that take longer than ten seconds each
	$(PYTEST) -m "slow and not gpu and not container" || [ $$? -eq 5 ]  # 5: no tests were found

.PHONY: test-container
test-container: $(VENV)/.dev ## build the image, run it isolated and push it; needs docker or podman
	$(PYTEST) -m container

.PHONY: check
check: $(VENV)/.dev ## check format, lint, types, direction of imports, scripts, Dockerfiles
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/shellcheck $(SHELL_SCRIPTS)
	$(BIN)/hadolint Dockerfile examples/Dockerfile.ppo2 tests/container/Dockerfile

.PHONY: format
format: $(VENV)/.dev ## format the code with ruff
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

.PHONY: clean
clean: ## remove .venv, caches and build outputs; keep runs/ and data/
	rm -rf $(VENV) build out tmp *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis \
	    .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Compiles the native engine of Pangolin Dash, which the planner plays on.
.PHONY: compiler
compiler:
	@$(call install,cc,gcc libc6-dev)

# The program that made the contest's patches; no PyPI package contains it.
.PHONY: xdelta3
xdelta3:
	@$(call install,xdelta3,xdelta3)

# The tests open the project's pages in Chromium, offline. It is Debian's package, because
# Playwright downloads its own build from another server.
.PHONY: chromium
chromium:
	@$(call install,chromium,chromium)

# A virtual screen, a keyboard and OpenGL, to test the game in a window.
.PHONY: xvfb
xvfb:
	@$(call install,Xvfb,xvfb libgl1 libgl1-mesa-dri libglu1-mesa)
	@$(call install,xdotool,xdotool)

# $(1): the program that is needed; $(2): the Debian packages that contain it.
define install
if ! command -v $(1) >/dev/null; then \
    if ! { command -v apt-get && [ "$$(id -u)" = 0 ]; } >/dev/null; then \
        echo "error: the tests need $(1): sudo apt-get install $(2)" >&2; exit 2; \
    fi; \
    apt-get update -q; \
    DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $(2); \
fi
endef

# A stamp file is written only after a successful installation. The extra `dev` includes
# what playing needs.
$(VENV)/.arena: pyproject.toml constraints.txt | $(BIN)/python
	@echo "setting up $(VENV) for playing (only once, about a minute)"
	@$(INSTALL) --editable .
	@touch $@

$(VENV)/.dev: pyproject.toml constraints.txt | $(BIN)/python
	@echo "setting up $(VENV) for playing, training and tests (only once, some minutes)"
	@$(INSTALL) --editable '.[dev]'
	@touch $(VENV)/.arena $@

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	    echo "error: $(PYTHON) is not Python 3.11 or newer: install it, or choose one with make PYTHON=..." >&2; \
	    exit 2; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
	    echo "error: $(PYTHON) can't make a virtual environment: install its venv package" >&2; exit 2; }
