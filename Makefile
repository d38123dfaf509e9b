# make table2 [PRESET=demo|quick|paper] [SEEDS="0 1 2"] [ARGS="--only paper=cts"]
# make compare METHOD=examples/my_method.py [COMPARISON=...], and the same options
# PRESET and COMPARISON may be .toml files; ARGS="--plugin my_model.py": docs/extending.md
PRESET ?= demo
SEEDS ?=
ARGS ?=
METHOD ?=
COMPARISON ?= $(shell sed -n 's/^DEFAULT = "\(.*\)"/\1/p' benchmarks/plan/comparison.py)
PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed
RUN_OPTIONS = --preset $(PRESET) $(if $(SEEDS),--seeds $(SEEDS)) $(ARGS)
# A list has no figure.
PLOTS = $(if $(findstring --list,$(ARGS)),true,$(BIN)/python -m plots)
# A suite is a function under @suite, called as its target is but for the dashes.
SUITES := throughput $(shell sed -n '/^@suite/{n;s/^def \([a-z0-9_]*\).*/\1/p;}' \
	benchmarks/plan/suites/*.py | tr _ -)

.PHONY: help $(SUITES) compare report test chaos lint data clean

help:
	@echo "make table2 [PRESET=demo|quick|paper] [SEEDS='0 1 2'] [ARGS='...']   run and print a table"
	@echo "make compare METHOD=file.py [PRESET=...]   a new method beside fixed baselines, with a verdict"
	@echo "make report    every result as one HTML page, and as Markdown and LaTeX: results/report/"
	@echo "make test | chaos | lint | data                                      check, fetch datasets"

$(INSTALLED): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "error: $(PYTHON) is older than Python 3.11; use make PYTHON=python3.11 ..." >&2; exit 2; }
	@echo "installing into .venv (torch is large: a minute or more) ..."
	@$(PYTHON) -m venv .venv
	@$(BIN)/pip install --quiet --upgrade pip
	@$(BIN)/pip install --quiet --editable '.[dev]'
	@touch $@

$(SUITES): $(INSTALLED)
	@$(BIN)/python -m benchmarks $@ $(RUN_OPTIONS)
	@$(PLOTS) $@ --preset $(PRESET)

compare: $(INSTALLED)
	@$(BIN)/python -m benchmarks.compare "$(METHOD)" --comparison $(COMPARISON) $(RUN_OPTIONS)
	@$(PLOTS) $(notdir $(COMPARISON:.toml=)) --preset $(PRESET)

report: $(INSTALLED)
	@$(BIN)/python -m plots all
	@$(BIN)/python -m benchmarks.report

test: $(INSTALLED)
	@$(BIN)/python -m pytest

chaos: $(INSTALLED)
	@$(BIN)/python -m tests.chaos

lint: $(INSTALLED)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

data: $(INSTALLED)
	@$(BIN)/python -m lottery.data

clean:
	rm -rf .cache results/demo .pytest_cache .mypy_cache .ruff_cache
