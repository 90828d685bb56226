# Everything a newcomer needs is a target here.
.DEFAULT_GOAL := help
.PHONY: help setup up down demo test proof mutation chaos chaos-quick chaos-cluster upgrade lint format ui bench-quick clean
BIN := .venv/bin

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## Install what is missing and build the UI; called by the others
	@./local-env/setup.sh

PORTS = $(if $(PORT_BASE),--port-base $(PORT_BASE))

up: setup ## Run everything on this machine until Ctrl-C; PORT_BASE=21000 uses the ports above that
	@$(BIN)/laudstream up $(PORTS)

down: ## Stop what `make up` runs (delete its data too: laudstream down --wipe)
	@$(BIN)/laudstream down

demo: setup ## Show a real journey with 23,570 customers; DEMO_EXIT=1 ends after the summary
	@DEMO_EXIT=$(DEMO_EXIT) $(BIN)/laudstream demo $(PORTS)

test: setup lint ## Check the code, then run all tests on real servers
	@cd ui && npm test --silent
	@$(BIN)/pytest

proof: setup ## A long walk of the machine that proves the journey core, then faults that it must find
	@PROOF_EXAMPLES=$(or $(EXAMPLES),2000) $(BIN)/pytest -q tests/proof/test_proof.py
	@$(BIN)/python -m tests.proof.faults

mutation: setup ## The mutation score of the journey core; MUTANTS=n and SEED=n choose the sample
	@$(BIN)/python -m tests.mutation --mutants $(or $(MUTANTS),200) --seed $(or $(SEED),1)

chaos: setup ## A full disk of PostgreSQL, sleeps of a minute, then twenty minutes of random faults, all under load; FIRST=n chooses the seeds
	@$(BIN)/python -m tests.chaos --written full --written asleep-in-turn --minutes 26 --first $(or $(FIRST),1)

chaos-quick: setup ## A worker, the sender and the projector sleep for a minute, then two schedules with fixed seeds (4 minutes)
	@$(BIN)/python -m tests.chaos --written asleep --seed 237 --seed 397

chaos-cluster: setup ## Three brokers under load: killed, restarted, frozen, then slow and cut off (15 minutes)
	@$(BIN)/python -m tests.cluster
	@$(BIN)/python -m tests.cluster --slow

upgrade: setup ## From the release before to this one under load, back, and forth again (8 minutes); FROM=rev BROKERS=3
	@$(BIN)/python -m tests.upgrade $(if $(FROM),--from $(FROM)) $(if $(BROKERS),--brokers $(BROKERS))

lint: ## Check style, types and layers
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check -q .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@cd ui && npm run check --silent && npm run lint --silent

format: ## Bring the code into shape
	@$(BIN)/ruff check --fix -q .
	@$(BIN)/ruff format -q .

ui: setup ## Build the UI

bench-quick: setup ## Measure events per second of a worker core
	@$(BIN)/python -m benchmarks lanes --quick

clean: ## Delete what setup and tests made; data stays
	@rm -rf .venv .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist test-results mutants mutants.log
	@rm -rf ui/node_modules ui/dist
