# A fresh machine needs Python 3.11+ and make; everything else is set up here.
#
#     make check   lint, types and the fast tests: for daily work
#     make test    every test, on all processors
#     make demo    the whole line on a synthetic coast
#     make docs    the documentation, into site/
PYTHON ?= python3
VENV := .venv
ifeq ($(OS),Windows_NT)
BIN := $(VENV)/Scripts
else
BIN := $(VENV)/bin
endif
# Tests run in as many processes; each takes about 1.5 GB.
WORKERS ?= logical
PYTEST := $(BIN)/python -m pytest -n $(WORKERS) --maxprocesses 8 --dist worksteal

.PHONY: demo check test lint types docs wheel clean

demo: $(VENV)/demo.stamp
	$(BIN)/littoral demo -o littoral-demo --overwrite

check: lint types
	$(PYTEST) -q -m "not slow" tests

test: $(VENV)/dev.stamp
	$(PYTEST)

lint: $(VENV)/dev.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/deptry src

types: $(VENV)/dev.stamp
	$(BIN)/mypy

# The documentation into site/, without the network; a broken link is an error.
docs: $(VENV)/docs.stamp
	$(BIN)/python docs/build.py
	$(BIN)/zensical build --strict

# Built, installed alone in an environment of its own, and tried on a synthetic chart.
wheel: $(VENV)/dev.stamp
	rm -rf dist build/wheel
	$(BIN)/python -m build --wheel
	$(PYTHON) -m venv build/wheel
	build/wheel/bin/python -m pip install --quiet dist/*.whl
	cd build && wheel/bin/python -W error ../tests/smoke.py

clean:
	rm -rf $(VENV) littoral-demo dist build site

$(VENV)/demo.stamp: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet -e ".[learn]"
	touch $@

$(VENV)/dev.stamp: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet -e ".[dev]"
	touch $@

$(VENV)/docs.stamp: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet -e ".[docs]"
	touch $@
