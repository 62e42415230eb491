# Swathe. `make` alone lists the targets. Nothing but make, git, Python 3.11+ and the network is needed.
#
# Settings are environment variables or arguments: make up SWATHE_PORT_KAFKA=29092. They are listed in docs/settings.md.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PYTHON ?=
PYTEST ?=
# Two files of tests at a time, on the same services: most of them wait for a service. In the order of the folders: the
# long files come first, and the many small ones of unit tests leave no process without work at the end.
SIDE_BY_SIDE := -n 2 --dist loadfile --no-loadscope-reorder
BASE := PYTHON='$(PYTHON)' sh infra/bootstrap.sh base
DEV := PYTHON='$(PYTHON)' sh infra/bootstrap.sh dev
# Before what starts services: what they need beside Python packages is brought at the same time.
WITH_SERVICES := services
RUN := .venv/bin/python

# Variables given as arguments to make reach the commands too.
export $(filter SWATHE_%,$(.VARIABLES))

.PHONY: help setup up down status logs clean demo demo-ratings live test test-long lint docs lock conda bench bench-full screenshots

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## Bring all that is missing: Python packages, Java, Kafka, MinIO (once; `up`, `demo` and `test` do it too)
	@$(BASE) $(WITH_SERVICES)
	@$(RUN) -m infra setup

demo: ## The whole line on real flights: topic, batches, model versions, routes; services stay up
	@began=$$(date +%s) && $(BASE) $(WITH_SERVICES) && $(RUN) -m infra.demo --began $$began

demo-ratings: ## The same on real ratings of films: recommenders, and recommendations for anybody
	@began=$$(date +%s) && $(BASE) $(WITH_SERVICES) && $(RUN) -m infra.demo.ratings --began $$began

live: ## Replay, landing, training and serving at once; Ctrl-C ends it
	@$(BASE) $(WITH_SERVICES)
	@$(RUN) -m infra.demo.live

up: ## Start Kafka, MinIO, MLflow and the prediction server
	@$(BASE) $(WITH_SERVICES)
	@$(RUN) -m infra up

down: ## Stop them; data stays
	@$(BASE)
	@$(RUN) -m infra down

status: ## Show what runs and whether it answers
	@$(BASE)
	@$(RUN) -m infra status

logs: ## Follow the services' logs (Ctrl-C ends it)
	@$(BASE)
	@$(RUN) -m infra logs --follow

clean: ## Remove the services' data
	@$(BASE)
	@$(RUN) -m infra clean

test: ## All tests but the long ones, on services of their own
	@$(DEV) $(WITH_SERVICES)
	@$(RUN) -m infra setup
	$(RUN) -m pytest $(SIDE_BY_SIDE) -m "not long" $(PYTEST)

test-long: ## The long tests: faults, browser, PostgreSQL
	@$(DEV) $(WITH_SERVICES)
	@$(RUN) -m infra setup
	$(RUN) -m pytest $(SIDE_BY_SIDE) -m long $(PYTEST)

lint: ## ruff, mypy, import-linter
	@$(DEV)
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy .
	.venv/bin/lint-imports

docs: ## The documentation site, build/docs/index.html: no warning, no link that leads nowhere
	@$(DEV)
	@rm -rf build/docs
	$(RUN) -m sphinx --quiet --fail-on-warning --keep-going --jobs auto --conf-dir docs . build/docs

lock: ## Resolve requirements/*.in and infra/*/jars.in anew
	@$(DEV)
	$(RUN) -m infra.bring.lock

conda: ## Write conda.yaml from the locked requirements
	@$(BASE)
	$(RUN) -m infra.bring.conda

bench: ## Most of the asked figures, met or missed, on services of their own (ten to fifteen minutes)
	@$(DEV) $(WITH_SERVICES)
	@$(RUN) -m infra setup
	$(RUN) -m bench

bench-full: ## All of them, five runs: the table of docs/performance.md, and the raw figures beside it
	@$(DEV) $(WITH_SERVICES)
	@$(RUN) -m infra setup
	$(RUN) -m bench --full

screenshots: ## The pictures in the docs
	@$(DEV)
	$(RUN) -m docs.screenshots
