# make help lists the suites and options.
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
# A suite is a function under @suite, called as its target is but for the dashes.
SUITES := $(shell sed -n '/^@suite/{n;s/^def \([a-z0-9_]*\).*/\1/p;}' \
	benchmarks/plan/suites/*.py | tr _ -) throughput
OTHERS := help compare report docs test chaos lint data clean

.PHONY: $(OTHERS) $(SUITES)

# A variable that nothing reads would be ignored: SEED=1, PRSET=quick.
READ := PRESET SEEDS ARGS METHOD COMPARISON PYTHON
GIVEN := $(foreach name,$(.VARIABLES),$(if $(filter command,$(origin $(name))),$(name)))
ifneq ($(filter-out $(READ),$(GIVEN)),)
$(error make reads no $(filter-out $(READ),$(GIVEN)), only $(READ))
endif
ifneq ($(filter --preset --preset=%,$(ARGS)),)
$(error give the preset as PRESET=..., which the figures follow too)
endif

# Runs a command, then draws what there is, also of a run that was stopped or in which cells failed;
# the status is the command's. A list has no figure.
DRAWS := $(if $(filter --list --help -h,$(ARGS)),false,true)
define run_and_draw
	@trap : INT TERM; $(BIN)/python -m $(1) $(RUN_OPTIONS); status=$$?; \
	if $(DRAWS) && [ $$status != 2 ] && [ -e results/$(notdir $(PRESET:.toml=))/$(2).csv ]; then \
		$(BIN)/python -m plots $(2) --preset $(PRESET) || [ $$status != 0 ] || status=2; \
	fi; exit $$status
endef

help:
	@echo 'make SUITE [OPTION=...]      run what is missing of a table or figure, print it, draw it'
	@echo
	@echo 'suites'
	@sed -n '/^@suite/{n;s/^def \([a-z0-9_]*\).*/\1/;y/_/-/;h;n;s/^ *"""\(.*\)"""$$/\1/;H;x;s/\n/\t/;p;}' \
		benchmarks/plan/suites/*.py | while IFS='	' read -r name line; do \
		printf '  %-18s %s\n' "$$name" "$$line"; done
	@printf '  %-18s %s\n' throughput 'Milliseconds a step, beside plain float32 and a roofline.'
	@echo
	@echo 'options'
	@echo '  PRESET=demo        digits, minutes on a CPU; quick: real data, shortened; paper: have a GPU'
	@echo '  SEEDS=0,1,2        the seeds, where not the preset'"'"'s own'
	@echo '  ARGS="--list"      what would run, and about how long; --device cuda plans for a GPU'
	@echo '  ARGS="--only method=cts sparsity=98.2"      only those cells; paper=crbg, model=resnet20, ...'
	@echo '  ARGS="--time-budget 9m"      stop in time; the same command goes on. Ctrl-C does as well'
	@echo '  ARGS="--jobs 4"    processes that share the cells; ARGS="--help" lists all the options'
	@echo '  PYTHON=python3.12  what .venv is made with'
	@echo
	@echo 'others'
	@echo '  make compare METHOD=file.py      your method beside fixed baselines, with a verdict'
	@echo '  make report        every result as one HTML page, and as Markdown and LaTeX: results/report/'
	@echo '  make docs          the documentation as a site: site/index.html'
	@echo '  make data          MNIST, Fashion-MNIST and CIFAR-10 into ./data, verified'
	@echo '  make test          the tests; make chaos: kills, crashes, damage; make lint: style and types'
	@echo '  make clean         remove the cache, the site and the demo'"'"'s results'
	@echo
	@echo '"make table2" takes ten to twenty minutes on two cores and prints both papers'"'"' Table II.'

$(INSTALLED): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "error: $(PYTHON) is older than Python 3.11; use make PYTHON=python3.11 ..." >&2; exit 2; }
	@echo "installing into .venv (torch is large: a minute or more) ..."
	@$(PYTHON) -m venv .venv
	@$(BIN)/pip install --quiet --upgrade pip
	@$(BIN)/pip install --quiet --editable '.[dev]'
	@touch $@

$(SUITES): $(INSTALLED)
	$(call run_and_draw,benchmarks $@,$@)

compare: $(INSTALLED)
	$(call run_and_draw,benchmarks.compare "$(METHOD)" --comparison $(COMPARISON),$(notdir $(COMPARISON:.toml=)))

report: $(INSTALLED)
	@$(BIN)/python -m plots all
	@$(BIN)/python -m benchmarks.report

docs: $(INSTALLED)
	@NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict  # --quiet would hide what fails it
	@echo "wrote site/index.html"

test: $(INSTALLED)
	@$(BIN)/python -m pytest

chaos: $(INSTALLED)
	@$(BIN)/python -m tests.chaos

lint: $(INSTALLED)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

data: $(INSTALLED)
	@$(BIN)/python -m lottery.fetch

clean:
	rm -rf .cache results/demo site .pytest_cache .mypy_cache .ruff_cache

.DEFAULT:
	@$(PYTHON) -c 'import difflib, sys; name, *known = sys.argv[1:]; \
		near = difflib.get_close_matches(name, known, 1); \
		print(f"error: there is no target {name}:", f"did you mean {near[0]}?" if near else "", "make help lists them", file=sys.stderr)' \
		$@ $(SUITES) $(OTHERS)
	@exit 2
