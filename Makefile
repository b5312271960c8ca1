# Everything a newcomer or a CI server types. Each target installs what it needs first.

VENV ?= .venv
BIN := $(VENV)/bin
TESTS ?=
ARGS ?=
DATA ?=
QUESTIONS ?= examples/questions.jsonl
# conftest.py says in which order the files are begun.
PYTEST = $(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder
# The fast lane: no PostgreSQL, no Redis, no browser, no model to build (tests/unit/conftest.py sees to it).
FAST := tests/unit tests/architecture tests/docs
export VENV PYTHON
# Set in many containers; then every process compiles anew all that it imports, which takes half of its start.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help run demo test test-fast coverage lint lint-ruff lint-format lint-types lint-imports bench eval hooks \
    install install-dev clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: install ## start everything, index the sample documents, answer one question, print the addresses
	@exec $(BIN)/foundry up $(ARGS)

demo: install ## a try in a scratch folder: prints the cited answer and ends (0 well, 1 with the reason)
	@exec $(BIN)/foundry up --demo $(ARGS)

test: install-dev lint ## lint, then all tests (TESTS="tests/unit/core" for some; COUNTED=1 as `make coverage`)
	$(if $(COUNTED),@$(MAKE) --no-print-directory coverage,$(PYTEST) $(TESTS) $(ARGS))

test-fast: install-dev ## the tests that start no server, in under a minute (TESTS="tests/unit/core" for some)
	$(PYTEST) $(or $(TESTS),$(FAST)) $(ARGS)

# Every process that a test starts is counted, too: COVERAGE_PROCESS_START tells each Python where the settings lie. From
# 3.12 on the interpreter itself tells which lines ran, which costs less and needs no word about greenlets.
COUNTING = COVERAGE_PROCESS_START=$(CURDIR)/pyproject.toml COVERAGE_FILE=$(CURDIR)/.coverage/data COVERAGE_ROOT=$(CURDIR) \
    $(shell $(BIN)/python -c 'import sys; sys.version_info < (3, 12) or print("COVERAGE_CORE=sysmon COVERAGE_SWITCHES=thread")')

coverage: install-dev ## all tests, counted; fails where a package is below its share of lines (pyproject.toml)
	rm -rf .coverage && mkdir .coverage
	$(COUNTING) $(PYTEST) $(TESTS) $(ARGS)
	$(BIN)/coverage combine -q --data-file=.coverage/data .coverage
	$(BIN)/python -m tests.support.coverage_gate --data .coverage/data $(if $(TESTS),--only-show)

lint: lint-ruff lint-format lint-types lint-imports ## ruff, mypy --strict, import contracts

lint-ruff: install-dev
	$(BIN)/ruff check .

lint-format: install-dev
	$(BIN)/ruff format --check .

lint-types: install-dev
	$(BIN)/mypy .

lint-imports: install-dev
	$(BIN)/lint-imports --no-cache

hooks: install-dev ## have git run the same checks before each commit (.pre-commit-config.yaml)
	$(BIN)/pre-commit install

bench: install-dev ## search and embedding against the usual libraries (DATA=folder; see benchmarks/README.md)
	@test -n "$(DATA)" || { echo "On which texts? make bench DATA=folder with corpus.jsonl, queries.jsonl, qrels.tsv"; exit 2; }
	$(BIN)/python -m benchmarks.lexical --data "$(DATA)"
	@$(BIN)/python -c "import torch, sentence_transformers" 2>/dev/null || { \
	    echo "The embedding is compared with sentence-transformers on torch, which is not installed. To install it:"; \
	    echo "  $(BIN)/python -m ensurepip && $(BIN)/python -m pip install torch==2.13.0"; \
	    echo "  $(BIN)/python -m pip install sentence-transformers"; \
	    exit 2; }
	$(BIN)/python -m benchmarks.embedding --data "$(DATA)" $(ARGS)

eval: install ## how good are the answers? (QUESTIONS=file; DATA=folder measures search instead)
	@if [ -n "$(DATA)" ]; then exec $(BIN)/foundry eval retrieval --data "$(DATA)" $(ARGS); \
	else exec $(BIN)/foundry eval answers --questions "$(QUESTIONS)" $(ARGS); fi

install:
	@.ci/bootstrap requirements.lock

install-dev:
	@.ci/bootstrap requirements-dev.lock

clean: ## remove the virtual environment and caches; data stays
	rm -rf $(VENV) .coverage .mypy_cache .ruff_cache .pytest_cache .hypothesis build *.egg-info
