# The everyday commands. `make help` lists them.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PY := .venv/bin/python
DEMO := .venv/.demo-installed
DEV := .venv/.dev-installed
SDK := tests/sdk/node_modules/.installed
PEERS := var/bench/peers/.installed
PIP := $(PY) -m pip --disable-pip-version-check --no-input install --quiet
NPM_CI := npm ci --no-audit --no-fund --loglevel=error
# Debian has nginx where only root looks for programs.
export PATH := $(PATH):/usr/sbin

.PHONY: help
help: ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# -- use ---------------------------------------------------------------------------------------------------------

demo demo-reset: export AUTHSIGNAL_ENV := demo

.PHONY: demo
demo: $(DEMO) ## run everything with demo data; Ctrl-C stops it; PORT=9000 make demo moves it
	@# Whoever waits for demo.json must not find that of a run that was killed.
	@kill -0 "$$(cut -d ' ' -f 1 var/demo/demo.lock 2>/dev/null)" 2>/dev/null || rm -f var/demo/demo.json
	@exec $(PY) manage.py demo --with-parent

.PHONY: demo-reset
demo-reset: $(DEMO) ## drop the demo data
	@exec $(PY) manage.py demo --drop

# -- check -------------------------------------------------------------------------------------------------------

# Three at a time on two cores: a test waits for browsers, servers and disks for a good third of its time.
# Byte code is kept, whatever the caller's environment says: the tests start many a Python.
test screenshots: export PYTHONDONTWRITEBYTECODE :=

.PHONY: test
test: $(DEV) chromium nginx $(SDK) lint ## install what the tests need and run them all
	$(PY) -m pytest -n 3 --dist worksteal

.PHONY: fuzz
fuzz: export FUZZ_EXAMPLES ?= 100
fuzz: $(DEV) ## try random examples that no run has tried; FUZZ_EXAMPLES=2000 make fuzz sends more requests of each kind
	$(PY) -m pytest -n 3 --dist worksteal -m hypothesis

.PHONY: lint
lint: export DJANGO_SETTINGS_MODULE := tests.settings
lint: $(DEV) ## style, types, import contracts, missing migrations
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	.venv/bin/lint-imports
	$(PY) -W ignore::RuntimeWarning manage.py makemigrations --check --dry-run

.PHONY: mutants
mutants: $(DEV) chromium nginx $(SDK) ## break the product on purpose: each mutant must turn its test red
	$(PY) -m tests.mutants

.PHONY: bench
bench: $(DEV) $(PEERS) chromium $(SDK) ## measure, print, write var/bench/results.json
	$(PY) -m tests.bench

.PHONY: bench-growth
bench-growth: $(DEV) ## measure track with 10,000 and with 10,000,000 stored actions (about 25 GB for a while)
	$(PY) -m tests.bench.growth

.PHONY: screenshots
screenshots: $(DEV) chromium $(SDK) ## picture every screen in every state into var/screens, and what tests see into var/screenshots
	$(PY) -m tests.screens
	SCREENSHOTS=yes $(PY) -m pytest -n 2 --dist worksteal tests/browser

# -- renew -------------------------------------------------------------------------------------------------------

UV := var/tools/bin/uv
COMPILE := $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header
LOCK := $(COMPILE) pyproject.toml

.PHONY: locks
locks: $(UV) ## renew the hashed lists of Python packages from pyproject.toml
	$(LOCK) -o requirements.lock
	$(LOCK) --extra demo -o requirements-demo.lock
	$(LOCK) --extra demo --extra dev -o requirements-dev.lock
	$(COMPILE) --group bench -o requirements-bench.lock
	$(COMPILE) --group bench-qubit -o requirements-bench-qubit.lock

$(UV): | .venv/.created
	$(PY) -m venv var/tools
	var/tools/bin/python -m pip --disable-pip-version-check install --quiet uv

.PHONY: schema
schema: export DJANGO_SETTINGS_MODULE := tests.settings
schema: $(DEV) ## write docs/openapi.yaml anew from the views
	$(PY) manage.py spectacular --validate --fail-on-warn --file docs/openapi.yaml

.PHONY: reference
reference: export DJANGO_SETTINGS_MODULE := tests.settings
reference: $(DEV) ## write docs/rules-reference.md anew from the tables of the engine
	$(PY) manage.py rules_reference > docs/rules-reference.md

SPOKEN := fr fr_CA de es it nl pl pt_BR
NOT_THEIRS := templates/portal/* templates/admin/* templates/registration/* templates/unfold/* templates/40* \
	.venv/* */node_modules/* var/* docs/* tests/* requirements*

.PHONY: messages
messages: $(DEV) ## bring the translations of what end users read up to date (needs Debian's gettext)
	$(call need,msgfmt,gettext)
	cd $(CURDIR) && DJANGO_SETTINGS_MODULE=tests.settings $(PY) manage.py makemessages -e html,txt --no-obsolete \
		--no-location --no-wrap $(SPOKEN:%=-l %) $(foreach path,$(NOT_THEIRS),-i '$(path)')
	DJANGO_SETTINGS_MODULE=tests.settings $(PY) manage.py compilemessages -i .venv -i var

.PHONY: vendor
vendor: node ## build the committed JavaScript anew (never needed to install or run)
	@for place in examples/acme_pay static; do \
		if [ -f $$place/package.json ]; then (cd $$place && $(NPM_CI) && npm run --silent build) || exit 1; fi; \
	done

# -- environment -------------------------------------------------------------------------------------------------

# The first Python of at least 3.11 that really runs (a version manager's shim may exist and do nothing).
.venv/.created:
	@$(PY) -m pip --version >/dev/null 2>&1 || { \
		for python in python3 python3.13 python3.12 python3.11 python3.14 none; do \
			"$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && break; \
		done; \
		if [ "$$python" = none ]; then echo "This needs Python 3.11 or newer: no python3 here is." >&2; exit 1; fi; \
		echo "Creating .venv with $$("$$python" --version)"; \
		"$$python" -m venv --clear .venv || { \
			echo "That Python cannot make environments (Debian and Ubuntu: apt install python3-venv)." >&2; exit 1; }; \
	}
	@touch $@

$(DEMO): requirements-demo.lock | .venv/.created
	@echo "Installing what the demo needs into .venv (a minute or so, this once)"
	@$(PIP) --require-hashes -r requirements-demo.lock
	@touch $@

$(DEV): requirements-dev.lock requirements-demo.lock | .venv/.created
	@echo "Installing what the tests need into .venv (a minute or so, this once)"
	@$(PIP) --require-hashes -r requirements-dev.lock
	@touch $@ $(DEMO)

$(PEERS): requirements-bench.lock requirements-bench-qubit.lock | .venv/.created
	@echo "Installing the rule engines to measure beside ours"
	@rm -rf $(@D)
	@$(PIP) --require-hashes --target $(@D)/others -r requirements-bench.lock
	@$(PIP) --require-hashes --target $(@D)/qubit -r requirements-bench-qubit.lock
	@touch $@

$(SDK): tests/sdk/package-lock.json | node
	cd tests/sdk && $(NPM_CI)
	@touch $@

# $(call need,program,packages): install the packages where we may, else say so.
define need
	@command -v $(1) >/dev/null 2>&1 || { \
		if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then \
			echo "Installing $(2)"; \
			apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $(2); \
		fi; \
		command -v $(1) >/dev/null 2>&1 || { echo "The tests need the program $(1): install $(2), then try again." >&2; exit 1; }; \
	}
endef

.PHONY: chromium
chromium:
	$(call need,chromium,chromium fonts-dejavu-core)

# The tests run it by themselves, on ports of their own.
.PHONY: nginx
nginx:
	$(call need,nginx,nginx-light)

.PHONY: node
node:
	$(call need,node,nodejs)
	$(call need,npm,npm)
