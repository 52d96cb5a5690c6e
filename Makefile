# Errand: every command of this repository. `make help` lists them.
.DEFAULT_GOAL := help
.SUFFIXES:
SHELL := /bin/bash

PYTHON := .venv/bin/python
OURS := libs services tests
ENV_FILE := .env
LOCAL = $(PYTHON) -m errand_local --env-file "$(ENV_FILE)"

.PHONY: help
help: ## List the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: image ## Run a real errand through all three services (REPO=<git url> PROMPT="..." with ANTHROPIC_API_KEY: your own)
	@$(PYTHON) -m tests.demo --repo "$$REPO" --prompt "$$PROMPT"

.PHONY: up
up: image ## Run Errand on this host, kept running; prints where it is and a sign-in link (settings: .env, see .env.example)
	@$(LOCAL) up

.PHONY: down
down: venv ## Stop what `make up` started; everything is kept in the data folder
	@$(LOCAL) down

.PHONY: logs
logs: venv ## Follow the logs of `make up`
	@$(LOCAL) logs

.PHONY: link
link: venv ## Print another sign-in link
	@$(LOCAL) link

.PHONY: backup
backup: venv ## Write everything that is kept to FILE=..., also while it runs
	@$(LOCAL) backup "$(or $(FILE),$(error say which file: make backup FILE=errand.tar))"

.PHONY: restore
restore: venv ## Put what FILE=... holds in its place, after `make down`; what was there is kept beside
	@$(LOCAL) restore "$(or $(FILE),$(error say which file: make restore FILE=errand.tar))"

.PHONY: rotate-keys
rotate-keys: venv ## Seal all that is sealed anew, with a new key, after `make down`
	@$(LOCAL) rotate-keys

.PHONY: browser
browser: venv ## See to a Chromium, in which the tests open the page
	@scripts/browser

.PHONY: service-images
service-images: image ## Build the services' images of compose.yaml
	@ANTHROPIC_API_KEY=none ERRAND_PUBLIC_URL=http://localhost scripts/compose build --quiet

# Each of the many processes that tests start would compile everything anew.
test check: export PYTHONDONTWRITEBYTECODE :=

.PHONY: test
test: check image npm-image browser service-images ## Prove every promise once; ten minutes on 2 cores beyond the first image build
	$(PYTHON) -m pytest tests/sim
# The longest modules first, and one more at a time than there are cores: they wait more than they compute.
	$(PYTHON) -m pytest tests/chaos tests/e2e tests/escape tests/integration -n 3 --dist loadfile --no-loadscope-reorder

.PHONY: check
check: venv ## Lint, types, import rules, contract and unit tests; a minute
	@$(MAKE) --no-print-directory --jobs 2 --output-sync=line static units

.PHONY: static
static: venv
	.venv/bin/ruff check $(OURS)
	.venv/bin/ruff format --check $(OURS)
	.venv/bin/lint-imports
	.venv/bin/buf lint protos
	.venv/bin/mypy $(OURS)

.PHONY: units
units: venv
	$(PYTHON) -m pytest tests/unit -n 3 -q

.PHONY: simulate
simulate: venv ## Run generated schedules of faults (N= SEED=; PLANTED=1: find planted bugs; COVER=1: what they cover)
	@PYTHONHASHSEED=0 $(if $(COVER),.venv/bin/coverage run,$(PYTHON)) -m tests.sim \
		$(if $(N),--n $(N)) $(if $(SEED),--seed $(SEED)) $(if $(PLANTED),--planted)
	@$(if $(COVER),.venv/bin/coverage combine --quiet && .venv/bin/coverage report)

.PHONY: soak
soak: image ## Kill at random what is at work; nothing may be lost or left: KILLS=300 in sandboxes, or MINUTES=30 of everything (SEED=)
	@$(PYTHON) -m tests.soak $(if $(MINUTES),--minutes $(MINUTES)) $(if $(KILLS),--kills $(KILLS)) $(if $(SEED),--seed $(SEED))

.PHONY: chaos
chaos: image ## Do to a running Errand what it must survive: kills, cuts, full disks; 20 minutes (ONLY=T14,T16 SEED=)
	@$(PYTHON) -m tests.chaos $(if $(ONLY),--only $(ONLY)) $(if $(SEED),--seed $(SEED))

.PHONY: escape
escape: image ## Try to break out of a sandbox, each way beside a container in which it succeeds (ONLY=names or beginnings)
	@$(PYTHON) -m tests.escape --only "$(ONLY)"

.PHONY: bench
bench: image ## Measure, beside a peer or ceiling of the same run; a table and bench.json (ONLY=agent,checkpoint,dispatch,egress,events,git,history,sandboxes; PAGE=1: docs/measurements.md too)
	@scripts/peers
	@$(PYTHON) -m tests.bench --only "$(ONLY)" $(if $(PAGE),--page)

.PHONY: profile
profile: image ## Say what a unit of each service's work costs, and where its time goes, with py-spy (ONLY=scheduler, gateway-events, ... )
	@$(PYTHON) -m tests.bench.profile --only "$(ONLY)"

.PHONY: venv
venv: .venv/.ready ## Make the virtual environment and the gRPC stubs

.venv/.ready: requirements-dev.txt pyproject.toml libs/common/hatch_build.py $(wildcard libs/*/pyproject.toml) \
		$(wildcard services/*/pyproject.toml) $(wildcard protos/errand/v1/*.proto)
	@scripts/venv

.PHONY: engine
engine: venv ## See to a Docker engine: installs and starts docker.io where none answers (root; ERRAND_NO_INSTALL=1 forbids it)
	@scripts/engine

.PHONY: image
image: engine ## Build the sandbox image, once
	@services/runner/image/build
# A host that joins keeps this name, and goes on with what was built last.
	@docker tag "$$(services/runner/image/build --print-tag)" errand-sandbox:latest

.PHONY: npm-image
npm-image: image ## Build the sandbox image with node and npm, in which `make test` tries npm; a minute, once
	@tests/integration/npm_image/build

.PHONY: tools-image
tools-image: engine ## Build the image with compilers and node, in which `make test` then tries them too; two minutes
	@tests/integration/tools_image/build

.PHONY: format
format: venv ## Put the code into the shape that `make check` wants
	.venv/bin/ruff check --fix $(OURS)
	.venv/bin/ruff format $(OURS)

.PHONY: lock
lock: ## Lock the dependencies anew, with hashes and without naming a host
	python3 -m venv .cache/lock
	.cache/lock/bin/pip install --quiet uv
	for name in requirements requirements-dev tests/bench/peers/celery tests/bench/peers/arq tests/bench/peers/mini \
			tests/integration/npm_image/requirements; do \
		.cache/lock/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
			--no-emit-index-url --no-emit-find-links --upgrade $$name.in --output-file $$name.txt; \
	done

.PHONY: clean
clean: ## Remove what was made here (not the engine, not the image)
	rm -rf .venv .cache/lock .mypy_cache .ruff_cache .import_linter_cache .hypothesis bench.json libs/common/errand
	find $(OURS) -name __pycache__ -type d -prune -exec rm -rf {} +
