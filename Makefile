# Everything is installed into .venv, once for each version of pyproject.toml.
PYTHON ?= python3
PYTEST_FLAGS ?= -n 2 --dist loadfile

BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
QUICKSTART := pipelines/quantize_int8

.PHONY: run test lint format compile train clean
.DELETE_ON_ERROR:

run: .venv/installed-run ## quantize the quick start's model through the compiled pipeline
	$(BIN)/python $(QUICKSTART)/run.py

test: lint ## check style and types, then run every test
	$(BIN)/python -m pytest $(PYTEST_FLAGS)

lint: .venv/installed-test ## run the pre-commit hooks over all files: ruff, mypy, hygiene
	$(BIN)/pre-commit run --all-files --show-diff-on-failure

format: .venv/installed-test ## sort imports, apply ruff's fixes and its format
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

compile: .venv/installed-run ## write the pipeline's YAML anew from its definition
	$(BIN)/python $(QUICKSTART)/pipeline.py

train: .venv/installed-train ## train the quick start's model again and cut its data sets
	$(BIN)/python $(QUICKSTART)/quickstart/train.py

clean: ## remove what the other targets made
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist local_outputs

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/installed-run: pyproject.toml | .venv/bin/python
	@echo "Installing octavo and what it needs into .venv (a few minutes the first time) ..."
	$(PIP) install --editable .
	@touch $@

.venv/installed-%: pyproject.toml | .venv/bin/python
	@echo "Installing octavo with its '$*' extra into .venv (a few minutes the first time) ..."
	$(PIP) install --editable '.[$*]'
	@touch .venv/installed-run $@
