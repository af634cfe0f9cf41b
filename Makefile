# `make` alone lists what there is. Everything runs in .venv, which the first target that needs it makes.

SHELL := /bin/bash
PYTHON ?= $(firstword $(foreach name,python3.11 python3.12 python3.13 python3,$(shell command -v $(name) 2>/dev/null)))
PY := .venv/bin/python
JOBS ?= 2
# Tests of one file stay together: they share servers and what they have built. In the order of tests/conftest.py.
PYTEST := $(PY) -m pytest -q -n $(JOBS) --dist loadfile --no-loadscope-reorder
ALONE := $(PY) -m pytest -q
# The suite starts hundreds of processes: what one has compiled the next need not compile again.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help prepare demo test test-all test-services test-browser test-postgres bench mutants reference pictures samples fuzz lint clean

help:
	@echo "make …"
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1\t\2/p' $(MAKEFILE_LIST) | expand -t 18

prepare:  ## .venv with all packages, and a Chinese font (the other targets do this by themselves)
	@[ -n "$(PYTHON)" ] || { echo "Python 3.11 or newer is needed: sudo apt-get install python3 python3-venv" >&2; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed, $(PYTHON) is `$(PYTHON) -V`. Name another one: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@"$(PYTHON)" .ci/prepare.py

demo: prepare  ## a living archive on http://127.0.0.1:8000 (SQLite, local store; data in var/)
	$(PY) manage.py demo

test: prepare  ## the embedded suite: no server, no browser, about three minutes on two quiet cores
	$(PYTEST) -m "not services and not browser"

test-all: test test-services test-browser test-postgres  ## all of it: real servers, the browser, and the suite on PostgreSQL

test-services: prepare  ## against real servers that are started for it (radosgw, clamd, PostgreSQL)
	$(ALONE) -m services

test-browser: prepare  ## in a headless Chromium
	$(ALONE) -m browser

test-postgres: prepare  ## the embedded suite on a throw-away PostgreSQL
	tests/services/with_postgres.sh $(PYTEST) -m "not services and not browser"

bench: prepare  ## measure again, and write docs/figures.md
	$(PY) -m tests.bench

reference: prepare  ## write docs/reference.md from the code
	$(PY) -m tests.reference

mutants: prepare  ## fifty faults made on purpose: the suite must catch each
	$(PY) -m tests.mutants

pictures: prepare  ## the pages of the demo as pictures, in docs/pictures (needs Chromium)
	$(PY) -m tests.look.pictures

fuzz: prepare  ## two thousand damaged samples: none may crash or hang the examination
	$(PY) -m tests.fuzz

samples: prepare  ## every sample file through `examine`, as a table (docs/samples.md)
	$(PY) -m tests.samples_table

lint: prepare  ## style, format and the layers of imports
	$(PY) -m ruff check
	$(PY) -m ruff format --check
	.venv/bin/lint-imports

clean:  ## remove caches; data (var/) and .venv stay
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +
	rm -rf .pytest_cache .ruff_cache .import_linter_cache
