# Everything a newcomer or a CI server types. Each target installs what it needs first.

VENV ?= .venv
BIN := $(VENV)/bin
TESTS ?=
ARGS ?=
DATA ?=
QUESTIONS ?= examples/questions.jsonl
# What coverage is counted over: also the commands, whose processes are counted with the tests that start them.
COUNTED := tests/unit tests/integration tests/e2e/test_commands.py
export VENV PYTHON

.DEFAULT_GOAL := help
.PHONY: help run demo test coverage lint bench eval install install-dev clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: install ## start everything, index the sample documents, answer one question, print the addresses
	@exec $(BIN)/foundry up $(ARGS)

demo: install ## a try in a scratch folder: prints the cited answer and ends (0 well, 1 with the reason)
	@exec $(BIN)/foundry up --demo $(ARGS)

test: install-dev lint ## lint, then all tests (TESTS="tests/unit/core" for some)
	$(BIN)/pytest -n 2 --dist loadfile $(TESTS) $(ARGS)

coverage: install-dev ## unit, integration and command tests; fails below 95 % of lines in core, config, graph or services
	rm -rf .coverage && mkdir .coverage
	COVERAGE_PROCESS_START=$(CURDIR)/pyproject.toml COVERAGE_FILE=$(CURDIR)/.coverage/data \
	    $(BIN)/pytest -n 2 --dist loadfile $(or $(TESTS),$(COUNTED)) $(ARGS)
	$(BIN)/coverage combine -q --data-file=.coverage/data .coverage
	@for package in core config graph services; do \
	    $(BIN)/coverage report --data-file=.coverage/data --include="$$package/*" --fail-under=95 || low=1; \
	done; test -z "$$low"

lint: install-dev ## ruff, mypy --strict, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy .
	$(BIN)/lint-imports --no-cache

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
