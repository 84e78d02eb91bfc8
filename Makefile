# One verb per task; each sets up what it needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PRODUCT := $(VENV)/.product
CORES := $(shell getconf _NPROCESSORS_ONLN)
# One more than cores: a clock is waited for now and then, and each process loads all tests. With daemons and browsers, two.
TESTERS ?= $(shell expr $(CORES) + 1)
WAITERS ?= $(shell expr $(CORES) + 2)
# Needs a broker, daemons that die, a browser, or a program of its own, which loads everything again.
END_TO_END := tests/main_job tests/faults tests/kafka $(shell find tests -name 'test_*_browser.py' -o -name 'test_*_process.py')
# How soon a newcomer gets a page, or sees numbers, is measured by the clock: with nothing beside.
NEWCOMERS := $(shell find tests -name 'test_*_newcomer.py')
# What has a verb of its own: make laws, attacks, deploy-check, installs.
APART := tests/laws tests/attacks tests/deploy tests/installs
# Two circles: every change passes what is not marked so, a release all of it (CONTRIBUTING.md).
CIRCLE ?= not release
SESSION = --numprocesses $(TESTERS) --dist loadfile --no-loadscope-reorder -m '$(CIRCLE)'
HELM_VERSION := v4.3.1

# A thousand modules compiled again in each of a hundred processes are minutes of every test run.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo test e2e laws thorough-laws newcomers truth attacks check bench bench-smoke faults scoreboard deploy-check release-check dist sbom audit installs lock docs docs-pictures format
.DELETE_ON_ERROR:

help:
	@echo "make demo           weeks of traffic, then a spike and growth, in the terminal and on the board"
	@echo "What every change passes, in twenty minutes together:"
	@echo "make check          style, types, import contracts, dependencies, compose file, generated docs"
	@echo "make test           behaviour, on real files, servers and live pages"
	@echo "make e2e            the main job on a real broker, a kill of each kind, programs, every page in a browser"
	@echo "make laws           the property tests"
	@echo "make bench-smoke    every benchmark at a hundredth of its size"
	@echo "make deploy-check   the files of deploy/, by schema"
	@echo "What a release passes, in a day:"
	@echo "make release-check  all of the above and of what follows, without leaving anything out"
	@echo "make newcomers      how soon a newcomer gets a page, by the clock"
	@echo "make thorough-laws  the property tests with more examples, compiled and with the compiler off"
	@echo "make truth          what is told of a thousand drawn worlds, compared with their events"
	@echo "make attacks        floods, wrong clocks, garbage and worse, on running daemons"
	@echo "make faults         kill the daemons 200 times and at every named crash point"
	@echo "make installs       install the release with pipx and uv tool on every Python here"
	@echo "make dist           build a release into dist/: wheel, sources, tested versions"
	@echo "make sbom           … and its software bill of materials (CycloneDX)"
	@echo "make audit          look for known vulnerabilities in what a release installs"
	@echo "Figures and files:"
	@echo "make bench          benchmarks: ratios measured side by side"
	@echo "make scoreboard     detection quality on every board, next to the figures to reach; takes minutes"
	@echo "make docs           regenerate docs/configuration.md from the settings, docs/openapi.json from the routes, deploy/grafana"
	@echo "make docs-pictures  regenerate the pictures of the README, of docs/messages.md and of docs/board.md"
	@echo "make format         format the code and fix what ruff can fix"
	@echo "make lock           update the locked dependencies in requirements.lock"

define CREATE_VENV
@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(0 if v >= (3, 11) else "Uneri needs Python 3.11 or newer, $(PYTHON) is %d.%d; run make with PYTHON=python3.11" % v[:2])'
@echo "Setting up $(VENV) (once per change of requirements.lock) ..."
@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "$(PYTHON) cannot create a virtual environment; install its venv package (Debian, Ubuntu: apt-get install python3-venv)" >&2; exit 1; }
endef

# Once per change of the lock: a marker newer than the lock and the project file means installed. uv takes a third of pip's time.
$(READY): requirements.lock pyproject.toml
	$(CREATE_VENV)
	@awk '/^[a-z]/ {on = /^uv==/} on' requirements.lock > $(VENV)/uv.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $(VENV)/uv.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@$(BIN)/python -m streams.drivers.compile_ahead
	@touch $@

# The versions of the lock without its hashes, which an editable project cannot have.
$(PRODUCT): requirements.lock pyproject.toml
	$(CREATE_VENV)
	@sed -n 's/ *\\$$//; /==/p' requirements.lock > $(VENV)/constraints.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint $(VENV)/constraints.txt hatchling editables
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint $(VENV)/constraints.txt --no-build-isolation --editable .
	@touch $@

# Who looks at it needs no developers' tools; where they are installed, they stay.
demo: $(if $(wildcard $(READY)),$(READY),$(PRODUCT))
	$(BIN)/uneri demo

test: $(READY)
	@$(BIN)/python -m streams.drivers.compile_ahead
	$(BIN)/pytest $(SESSION) $(addprefix --ignore ,$(END_TO_END) $(NEWCOMERS) $(APART))

e2e: TESTERS = $(WAITERS)
e2e: $(READY)
	@$(BIN)/python -m streams.drivers.compile_ahead
	$(BIN)/pytest $(SESSION) --ignore-glob '*_newcomer.py' $(END_TO_END)

laws: $(READY)
	$(BIN)/pytest --numprocesses $(TESTERS) --dist load -m '$(CIRCLE)' tests/laws

# Twice the examples, and machine code must agree with the plain Python that it was compiled from.
thorough-laws: THOROUGH := --numprocesses auto --maxprocesses 4 --dist load --hypothesis-profile thorough
thorough-laws: $(READY)
	$(BIN)/pytest $(THOROUGH) tests/laws
	NUMBA_DISABLE_JIT=1 $(BIN)/pytest $(THOROUGH) tests/laws

newcomers: $(READY)
	@$(BIN)/python -m streams.drivers.compile_ahead
	$(BIN)/pytest --numprocesses 0 $(NEWCOMERS)

truth: $(READY)
	UNERI_TRUTH=1000 $(BIN)/pytest --numprocesses $(CORES) tests/truth

# All that is promised, with nothing skipped. The parts one after the other: several measure by the clock.
release-check: export UNERI_REQUIRE_KAFKA := 1
release-check: export UNERI_REQUIRE_BROWSER := 1
release-check: export UNERI_REQUIRE_NODE := 1
release-check: export UNERI_REQUIRE_COLLECTOR := 1
release-check: export UNERI_REQUIRE_PROMETHEUS := 1
release-check: export UNERI_REQUIRE_DEPLOY := 1
release-check: export UNERI_REQUIRE_INSTALLS := 1
release-check: check
	$(MAKE) test CIRCLE=
	$(MAKE) e2e CIRCLE=
	$(MAKE) newcomers
	$(MAKE) thorough-laws
	$(MAKE) bench-smoke
	$(BIN)/python -m benchmarks.contest --smoke --peers
	$(MAKE) deploy-check CIRCLE=
	$(MAKE) installs sbom audit
	$(MAKE) truth
	$(MAKE) faults
	$(MAKE) attacks

attacks: $(READY)
	@$(BIN)/python -m streams.drivers.compile_ahead
	$(BIN)/pytest --numprocesses $(TESTERS) --dist load tests/attacks

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/deptry .
	$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec docker-compose.yml
	$(BIN)/python -m config.reference --check docs/configuration.md
	$(BIN)/python -m streams.screens.openapi.document --check docs/openapi.json

# What is missing is named, and its tests are skipped; UNERI_REQUIRE_DEPLOY=1 makes that a failure.
deploy-check: $(READY) $(if $(CIRCLE),,.deploy/bin/helm-$(HELM_VERSION))
	$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec docker-compose.yml
	$(BIN)/pytest -m '$(CIRCLE)' tests/deploy

.deploy/bin/helm-$(HELM_VERSION):
	@if command -v go >/dev/null; then echo "Building Helm $(HELM_VERSION) (once) ..." && mkdir -p $(@D) \
	  && GOBIN=$(CURDIR)/$(@D) go install helm.sh/helm/v4/cmd/helm@$(HELM_VERSION) && ln -sf helm $@; \
	else echo "There is no Go to build Helm with: the chart is checked only if helm is on the path"; fi

bench: $(READY)
	$(BIN)/python -m benchmarks.run

bench-smoke: $(READY)
	$(BIN)/python -m benchmarks.run --smoke

faults: $(READY)
	$(BIN)/python -m tests.faults.run
	UNERI_FROZEN=60 $(BIN)/pytest tests/faults/test_broker_faults.py

scoreboard: $(READY)
	$(BIN)/python -m benchmarks.scoreboard

docs: $(READY)
	$(BIN)/python -m config.reference docs/configuration.md
	$(BIN)/python -m streams.screens.openapi.document docs/openapi.json
	$(BIN)/python -m release.dashboards.make

docs-pictures: $(READY)
	$(BIN)/python docs/make_pictures.py
	$(BIN)/python -m tests.streams.screens.board.pictures

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

dist: $(READY)
	@rm -rf dist
	$(BIN)/python -m hatchling build
	$(BIN)/check-wheel-contents dist/*.whl
	@$(MAKE) --no-print-directory dist/constraints.txt

# The lock without development tools, and without hashes, which a wheel on disk cannot have.
dist/constraints.txt: requirements.lock pyproject.toml | $(READY)
	@mkdir -p $(@D)
	$(BIN)/uv pip compile pyproject.toml --all-extras --universal --constraint requirements.lock --no-emit-index-url --no-annotate --no-header --quiet -o $@

# Made from an installation with all extras, which knows licences and who needs whom.
sbom: dist
	@rm -rf build/sbom
	$(BIN)/uv venv --quiet --python $(BIN)/python build/sbom
	$(BIN)/uv pip install --quiet --python build/sbom --constraint dist/constraints.txt "$$(echo dist/*.whl)[all]"
	$(BIN)/cyclonedx-py environment build/sbom --pyproject pyproject.toml --mc-type application --output-reproducible --validate --of JSON -o "$$(echo dist/*.tar.gz | sed 's/\.tar\.gz$$/.cdx.json/')"

audit: dist/constraints.txt
	@$(BIN)/python release/audit.py dist/constraints.txt

# INSTALLS="-k uv-3.13" tries one.
installs: dist
	$(BIN)/pytest --numprocesses 0 tests/installs $(INSTALLS)

lock: $(READY)
	$(BIN)/uv pip compile pyproject.toml --all-extras --group dev --universal --generate-hashes --no-emit-index-url --no-annotate --no-header --upgrade --quiet -o requirements.lock
