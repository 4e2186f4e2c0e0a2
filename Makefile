# `make demo` and `make test` each set everything up on a fresh machine, then do their job; a second run is quick.
# Needs Python 3.11 or newer with its venv module. Another Python:  make test PYTHON=python3.12
PYTHON ?= python3
PIP = .venv/bin/python -m pip --disable-pip-version-check
WORKERS ?= 2
TORCH = $(shell grep '^torch==' constraints.txt)
# the tests run one process per core, so torch and BLAS must not start a thread per core in each of them
test test-all smoke: export OMP_NUM_THREADS ?= 1

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test test-all smoke bench bench-space bench-local bench-bounds lint types clean distclean

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## */  make \1\t/' | expand -t 20

demo: .venv/stamp-core ## set up and run the demo: pictures and tables go to demo/
	.venv/bin/vitrail demo --out demo

test: .venv/stamp-dev ## set up and run the tests and the doctests, without the slow ones
	.venv/bin/python -m pytest -n $(WORKERS) -m "not slow"

test-all: .venv/stamp-dev ## the same with the slow tests
	.venv/bin/python -m pytest -n $(WORKERS)

smoke: .venv/stamp-dev ## run the studies of papers at their smallest scale, each in less than two minutes
	rm -rf build/smoke && mkdir -p build/smoke
	for study in pascanu2013 hanin2019 zhang2020 lin2020; do \
	  timeout 240 .venv/bin/vitrail reproduce $$study --scale smoke --quiet --out build/smoke/$$study --workers $(WORKERS) || exit 1; \
	done

bench: .venv/stamp-dev benchmarks/.venv/stamp ## set up and run the benchmarks, the peers in their own environment
	.venv/bin/python benchmarks/run.py
	.venv/bin/python benchmarks/space.py
	.venv/bin/python benchmarks/local.py
	.venv/bin/python benchmarks/bounds.py
	.venv/bin/python benchmarks/local_bound.py

bench-space: .venv/stamp-dev benchmarks/.venv/stamp ## only those in three and more dimensions, about a quarter of an hour
	.venv/bin/python benchmarks/space.py

bench-local: .venv/stamp-dev ## only those around points, about ten minutes
	.venv/bin/python benchmarks/local.py

bench-bounds: .venv/stamp-dev ## only those of bounds: the table, and balls around a thousand points
	.venv/bin/python benchmarks/bounds.py
	.venv/bin/python benchmarks/local_bound.py

lint: .venv/stamp-dev ## check style and formatting
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .

types: .venv/stamp-dev ## check types
	.venv/bin/mypy

clean: ## remove what the tools and the demo left behind
	rm -rf build dist demo .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find src tests examples benchmarks -name .venv -prune -o -name __pycache__ -type d -exec rm -rf {} +

distclean: clean ## clean, and remove the virtual environments
	rm -rf .venv benchmarks/.venv

define require_python
	@$(1) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  found=$$($(1) -c 'import sys; print("%d.%d.%d" % sys.version_info[:3])' 2>/dev/null || echo "not to be started"); \
	  echo "vitrail needs Python 3.11 or newer; $(1) is $$found." >&2; \
	  echo "$(2)" >&2; exit 1; }
endef

.venv/bin/python:
	$(call require_python,$(PYTHON),Name a newer one: make PYTHON=python3.12 $(MAKECMDGOALS))
	$(PYTHON) -m venv .venv

# a stamp says that the environment holds what these files ask for; it is written last, so an interrupted set-up is redone
.venv/stamp-core: pyproject.toml constraints.txt | .venv/bin/python
	$(call require_python,.venv/bin/python,Remove the environment and start again: make distclean)
	$(PIP) install --quiet --upgrade pip
	$(PIP) install -c constraints.txt $(TORCH)
	$(PIP) install -c constraints.txt -e .
	@touch $@

.venv/stamp-dev: .venv/stamp-core
	$(PIP) install -c constraints.txt -e '.[dev]'
	@touch $@

benchmarks/.venv/stamp: benchmarks/requirements.txt
	$(call require_python,$(PYTHON),Name a newer one: make PYTHON=python3.12 $(MAKECMDGOALS))
	$(PYTHON) -m venv benchmarks/.venv
	benchmarks/.venv/bin/python -m pip --disable-pip-version-check install -r benchmarks/requirements.txt
	@touch $@
