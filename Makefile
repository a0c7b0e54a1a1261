# `make eval` and `make test` from a fresh clone: needs Python 3.11 or newer and make, nothing else
# (the tests also xdelta3 and Chromium, and the slow ones Xvfb, which they install where they may).
# Each target sets up .venv itself, again only when pyproject.toml or constraints.txt changed.
# How pip reaches its index (certificates, mirrors, wheel folders) is pip's own configuration.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

PYTHON ?= $(shell command -v python3.11 || command -v python3 || echo python3)
VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
SHELL_SCRIPTS := build.sh training/pangolin.sh .ci/run
# A test of any of these kinds has a target of its own.
PYTEST := $(BIN)/python -m pytest
FAST := not slow and not gpu and not container

export OMP_NUM_THREADS ?= 1

.PHONY: help
help: ## what there is to make
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 16

.PHONY: eval
eval: $(VENV)/.arena ## play the contest on this machine with the pretrained agent, and score it
	@$(BIN)/python local_eval.py

.PHONY: test
test: $(VENV)/.dev xdelta3 chromium ## the fast tests, under three minutes
	$(PYTEST) -m "$(FAST)" --numprocesses 2 --dist loadfile

.PHONY: test-slow
test-slow: $(VENV)/.dev xdelta3 xvfb ## the tests that take longer than ten seconds each
	$(PYTEST) -m "slow and not gpu and not container" || [ $$? -eq 5 ]  # 5: there are none

.PHONY: test-container
test-container: $(VENV)/.dev ## build, run isolated, push: needs docker or podman, and a test registry
	$(PYTEST) -m container

.PHONY: check
check: $(VENV)/.dev ## formatting, lint, types, direction of imports, shell scripts, Dockerfiles
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/shellcheck $(SHELL_SCRIPTS)
	$(BIN)/hadolint Dockerfile tests/container/Dockerfile

.PHONY: format
format: $(VENV)/.dev ## let ruff put the code in form
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

.PHONY: clean
clean: ## remove .venv, caches and build outputs; runs/ and data/ stay
	rm -rf $(VENV) build out tmp *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis \
	    .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The real one, which the contest's patches were made with; no package of pip's brings its program.
.PHONY: xdelta3
xdelta3:
	@$(call install,xdelta3,xdelta3)

# The tests open the pages in it as people do, offline. Debian's: Playwright's own download needs
# another place.
.PHONY: chromium
chromium:
	@$(call install,chromium,chromium)

# A screen, a keyboard and OpenGL in software, for the game that a person plays in a window.
.PHONY: xvfb
xvfb:
	@$(call install,Xvfb,xvfb libgl1 libgl1-mesa-dri libglu1-mesa)
	@$(call install,xdotool,xdotool)

# $(1): the program that is needed; $(2): Debian's packages that bring it.
define install
if ! command -v $(1) >/dev/null; then \
    if ! { command -v apt-get && [ "$$(id -u)" = 0 ]; } >/dev/null; then \
        echo "error: the tests need $(1): sudo apt-get install $(2)" >&2; exit 2; \
    fi; \
    apt-get update -q; \
    DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $(2); \
fi
endef

# A stamp is written only after its installation succeeded. `dev` contains `arena`, so it makes both.
$(VENV)/.arena: pyproject.toml constraints.txt | $(BIN)/python
	@echo "setting up $(VENV) for playing: once, about a minute"
	@$(INSTALL) --editable '.[arena]'
	@touch $@

$(VENV)/.dev: pyproject.toml constraints.txt | $(BIN)/python
	@echo "setting up $(VENV) with everything, training and tests included: once, some minutes"
	@$(INSTALL) --editable '.[dev]'
	@touch $(VENV)/.arena $@

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	    echo "error: $(PYTHON) is not Python 3.11 or newer: install it, or name one with make PYTHON=..." >&2; \
	    exit 2; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
	    echo "error: $(PYTHON) can't make a virtual environment: install its venv package" >&2; exit 2; }
