# `make demo` and `make test` need nothing but Python 3.11 or later: they make .venv and use it.

PYTHON ?= python3
BIN := .venv/bin
RUN := runs/demo
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --constraint requirements.lock

.PHONY: demo test lint format bench tables docs lock clean

demo: .venv/installed  ## compare six optimizers on MNIST if it is at hand, else on digits
	@rm -rf $(RUN)
	$(BIN)/shoal compare --out $(RUN)
	@echo "Open $(RUN)/report.html in a browser."

test: .venv/installed-dev  ## all tests, with the examples of docstrings and of the README
	$(BIN)/python -m pytest

lint: .venv/installed-dev  ## style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: .venv/installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# OpenBLAS is left to pick its kernels for this processor, as it does for users
bench: .venv/installed-dev  ## ratios to PyTorch and scikit-learn, measured side by side
	env -u OPENBLAS_CORETYPE -u OPENBLAS_L2_SIZE $(BIN)/python -m benchmarks --markdown docs/benchmarks.md

tables: .venv/installed-dev  ## the estimators beside their peers on tables, and what "tuned" is made of
	env -u OPENBLAS_CORETYPE -u OPENBLAS_L2_SIZE $(BIN)/python -m benchmarks.tables --markdown docs/estimators.md
	env -u OPENBLAS_CORETYPE -u OPENBLAS_L2_SIZE $(BIN)/python -m benchmarks.tables --ablation --markdown docs/estimators.md

docs: .venv/installed-dev  ## the figures of the README and of docs/, made anew
	$(BIN)/python docs/figures.py

lock: .venv/installed-dev  ## the versions that development uses
	$(PIP) uv
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-annotate --no-header \
		--no-emit-index-url --no-emit-find-links --extra dev --output-file requirements.lock pyproject.toml

clean:
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache build dist

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Shoal needs Python 3.11 or later; try: make PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv .venv

.venv/installed: pyproject.toml requirements.lock | .venv/bin/python
	$(PIP) --editable .
	@touch $@

.venv/installed-dev: pyproject.toml requirements.lock | .venv/bin/python
	$(PIP) --editable '.[dev]'
	@touch $@ .venv/installed
