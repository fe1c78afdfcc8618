# The two commands are `make run` and `make test`; the others are habits of whoever changes the code.
PYTHON ?= python3
PORT ?= 8000
PIPEYARD_HOME ?= .pipeyard
ARGS ?=
VENV := .venv
BIN := $(VENV)/bin

.PHONY: run test lint types imports schema lock format clean

run: $(VENV)/.run-ready graphql_api/explorer/node_modules/.ready
	@PORT=$(PORT) PIPEYARD_HOME=$(PIPEYARD_HOME) exec $(BIN)/python manage.py up

test: $(VENV)/.dev-ready graphql_api/explorer/node_modules/.ready
	$(BIN)/python -m pytest -n auto --dist loadgroup $(ARGS)

lint: $(VENV)/.dev-ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.dev-ready
	$(BIN)/mypy

imports: $(VENV)/.dev-ready
	$(BIN)/lint-imports

schema: $(VENV)/.dev-ready
	$(BIN)/python manage.py export_schema --check

format: $(VENV)/.dev-ready
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock"

lock: $(VENV)/bin/uv
	$(LOCK) pyproject.toml -o requirements.lock
	$(LOCK) --group dev -c requirements.lock pyproject.toml -o requirements-dev.lock
	$(LOCK) --group pyproject.toml:peer-strawberry -o bench/graphql/peers/strawberry.lock
	$(LOCK) --group pyproject.toml:peer-graphene -o bench/graphql/peers/graphene.lock

clean:
	rm -rf $(VENV) graphql_api/explorer/node_modules

# --- set-up -------------------------------------------------------------------------------------------------

# Debian keeps ensurepip in a package of its own; as root it is fetched, otherwise the message says what to install.
$(VENV)/bin/uv:
	@echo "==> creating the virtual environment"
	@$(PYTHON) -m venv $(VENV) || { \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    apt-get update -qq && apt-get install -y -qq python3-venv && $(PYTHON) -m venv --clear $(VENV); \
	  else echo "Python's venv module is missing: install the package python3-venv, then run make again." >&2; exit 1; fi; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv

$(VENV)/.run-ready: requirements.lock | $(VENV)/bin/uv
	@echo "==> installing dependencies"
	@VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet --require-hashes -r requirements.lock
	@touch $@

$(VENV)/.dev-ready: requirements.lock requirements-dev.lock | $(VENV)/bin/uv
	@echo "==> installing dependencies for development"
	@VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet --require-hashes -r requirements-dev.lock
	@touch $@

# Without them the explorer says what is missing, and everything else works: so a failure here stops nothing.
graphql_api/explorer/node_modules/.ready: graphql_api/explorer/package.json graphql_api/explorer/package-lock.json | $(VENV)/.run-ready
	@echo "==> installing the GraphQL explorer's assets"
	@if $(BIN)/python -m graphql_api.explorer.install; then touch $@; fi
