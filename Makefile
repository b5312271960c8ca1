# Everything a newcomer or a CI server types. Each target installs what it needs first.

VENV ?= .venv
BIN := $(VENV)/bin
TESTS ?=
ARGS ?=
export VENV PYTHON

.DEFAULT_GOAL := help
.PHONY: help run demo test lint install install-dev clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: install ## start everything, index the sample documents, answer one question, print the addresses
	@exec $(BIN)/foundry up $(ARGS)

demo: install ## the same in a scratch folder; prints the cited answer and ends (0 well, 1 with the reason)
	@exec $(BIN)/foundry up --demo $(ARGS)

test: install-dev lint ## lint, then all tests (TESTS="tests/unit/core" for some)
	$(BIN)/pytest -n 2 --dist loadfile $(TESTS) $(ARGS)

lint: install-dev ## ruff, mypy --strict, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy .
	$(BIN)/lint-imports --no-cache

install:
	@.ci/bootstrap requirements.lock

install-dev:
	@.ci/bootstrap requirements-dev.lock

clean: ## remove the virtual environment and caches; data stays
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis build *.egg-info
