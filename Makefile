# Everything that is done with this repository. `make` alone lists the targets.
#
# Needs make and a Python of 3.11 or later; PYTHON names the one to take. KAFKA_BOOTSTRAP_SERVERS and
# DATABASE_URL replace the embedded Kafka and PostgreSQL in `demo`, `up`, `test` and `bench`.
# A stamp in .venv says what is installed there, so that a second run costs nothing.

# A Python that was built from source without --enable-optimizations, as pyenv does, takes a sixth more CPU for a
# matter than a distribution's: where python3 is such a one, the system's is taken if it will do.
FAST := import ensurepip, sys, sysconfig, venv; sys.exit(sys.version_info < (3, 11) or sys.base_prefix != "/usr" \
  and "--enable-optimizations" not in (sysconfig.get_config_var("CONFIG_ARGS") or ""))
PYTHON ?= $(firstword $(shell for python in python3 /usr/bin/python3; do \
  $$python -c '$(FAST)' 2>/dev/null && echo $$python; done) python3)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input
LOCKS := deploy/locks
PROTOS := $(shell find protos -name '*.proto')
PYTEST := $(BIN)/python -m pytest
CODE := services tests hatch_build.py charts .ci

IMAGE ?= onematter
UPGRADE_IMAGE ?= $(IMAGE)-later
PUSH ?= $(BUILDER) push
BASE_IMAGE ?= python:3.11-slim
BUILDER ?= $(or $(shell command -v buildah),$(shell command -v docker),buildah)
BUILDER_FLAGS ?=

SEED ?= 1
ROUNDS ?= 0
MINUTES ?= 10
FAULTS ?=
SEEDS ?= 4000
FIRST ?= 0
SECONDS ?=

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: help venv dev protos lock demo up down status test test-faults test-unit lint faults simulate bench soak kubernetes-images kubernetes-test image clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

venv: $(VENV)/.stamp-package ## make .venv with what running needs

dev: venv $(VENV)/.stamp-dev ## add what testing needs

protos: venv ## compile protos/ into services/onematter/<area>/v1/
	$(BIN)/python hatch_build.py

lock: dev ## write deploy/locks/ again from pyproject.toml (UPGRADE=--upgrade: with the newest versions)
	$(call compile,dev,--extra services --extra tracing --extra local --extra build --extra dev)
	$(call compile,services,--extra services --extra tracing --constraint $(LOCKS)/dev.txt)
	$(call compile,local,--extra services --extra local --extra build --constraint $(LOCKS)/dev.txt)
	$(call compile,build,--extra build --constraint $(LOCKS)/dev.txt)
	$(call compile,sbom,--group sbom --constraint $(LOCKS)/dev.txt)

demo: venv ## four matters through three levels, shown live; exit 0 only when all are completed and verified
	@$(BIN)/onematter demo

up: venv ## start the whole stack on this machine and print its addresses
	@$(BIN)/onematter up

down: venv ## stop it
	@$(BIN)/onematter down

status: venv ## tell what runs
	@$(BIN)/onematter status

test: dev ## every check and test but the long plays of faults, on a real Kafka and a real PostgreSQL
	@$(BIN)/python -m tests.suite test

test-faults: dev ## the faults in their short form: each safeguard's control, kills, restores, a bad network, a backlog
	@$(BIN)/python -m tests.suite faults

test-unit: dev ## the fast tests, without servers
	$(PYTEST) tests/unit tests/property tests/contract tests/stories

lint: dev ## style, types, imports and contracts
	$(BIN)/ruff check $(CODE)
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/pyright
	$(BIN)/lint-imports
	$(BIN)/buf lint protos

simulate: dev ## the rules in memory under a seeded scheduler, as a table and build/simulation.json (SEEDS, FIRST, SECONDS)
	@mkdir -p build
	$(BIN)/python -m tests.simulation.run --seeds $(SEEDS) --first $(FIRST) $(if $(SECONDS),--seconds $(SECONDS))

faults: dev ## faults under load, judged by an independent auditor, as a table and build/faults.json (SEED, ROUNDS, MINUTES, FAULTS)
	@mkdir -p build
	$(BIN)/python -m tests.faults.run --seed $(SEED) --rounds $(ROUNDS) --minutes $(MINUTES) --faults '$(FAULTS)'

bench: dev ## matters a second, and hand-in to result, as a table and as build/bench.json
	@mkdir -p build
	$(BIN)/python -m tests.benchmark.bench

soak: dev ## steady work for MINUTES (30), and what it leaves: memory, open files, the database, as build/soak.json
	@mkdir -p build
	$(BIN)/python -m tests.faults.soak --minutes $(if $(filter command environment,$(origin MINUTES)),$(MINUTES),30)

kubernetes-images: image ## IMAGE, and UPGRADE_IMAGE with one more migration, brought to the cluster by PUSH (a command that takes a name)
	$(BUILDER) build $(BUILDER_FLAGS) --build-arg IMAGE=$(IMAGE) --file tests/kubernetes/later/Dockerfile --tag $(UPGRADE_IMAGE) \
	  tests/kubernetes/later
	$(PUSH) $(IMAGE)
	$(PUSH) $(UPGRADE_IMAGE)

kubernetes-test: dev ## the chart on the cluster of KUBECONFIG: install, kill, scale, upgrade, roll back, audit (IMAGE, UPGRADE_IMAGE)
	IMAGE='$(IMAGE)' UPGRADE_IMAGE='$(UPGRADE_IMAGE)' $(BIN)/python -m tests.kubernetes.run

image: ## the container image of all services (IMAGE, BASE_IMAGE, BUILDER, BUILDER_FLAGS)
	$(BUILDER) build $(BUILDER_FLAGS) --build-arg BASE_IMAGE=$(BASE_IMAGE) --file deploy/Dockerfile --tag $(IMAGE) .

clean: ## remove all that was built: .venv, generated code, reports and caches (run `make down` first)
	rm -rf $(VENV) build dist services/onematter/*/v1 .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find services tests -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/.stamp-venv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo 'onematter needs Python 3.11 or later; $(PYTHON) is not. Name another one: make PYTHON=python3.12' >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo '$(PYTHON) has no ensurepip or venv. On Debian and Ubuntu: apt-get install python3-venv' >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.stamp-local: $(LOCKS)/local.txt | $(VENV)/.stamp-venv
	@echo 'installing what $(LOCKS)/local.txt names (a minute or two)'
	@$(PIP) install --quiet --require-hashes -r $(LOCKS)/local.txt
	@touch $@

$(VENV)/.stamp-package: pyproject.toml hatch_build.py $(PROTOS) | $(VENV)/.stamp-local
	@echo 'installing onematter from services/, with protos/ compiled'
	@$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.stamp-dev: $(LOCKS)/dev.txt | $(VENV)/.stamp-package
	@echo 'installing what $(LOCKS)/dev.txt names'
	@$(PIP) install --quiet --require-hashes -r $(LOCKS)/dev.txt
	@touch $@

define compile
$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
  --no-emit-find-links --no-header --no-annotate $(UPGRADE) $(2) --output-file $(LOCKS)/$(1).txt \
  $(if $(findstring --group,$(2)),,pyproject.toml)
endef
