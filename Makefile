# `make` sets up everything and runs the selected study; `make test` runs the tests, `make lint` what is not a test.
PYTHON ?= python3
VENV   := .venv
# Not $(abspath): it would cut a path at its spaces.
BIN    := $(if $(filter /%,$(VENV)),$(VENV),$(CURDIR)/$(VENV))/bin
CORES  ?= all
export PATH := $(BIN):$(PATH)
export HF_HUB_DISABLE_TELEMETRY := 1
export TOKENIZERS_PARALLELISM := false
# Snakemake keeps a cache below HOME; where that cannot be written, it is kept here.
ifneq ($(shell cache="$${XDG_CACHE_HOME:-$$HOME/.cache}"; mkdir -p "$$cache" 2> /dev/null && test -w "$$cache" && echo yes),yes)
export XDG_CACHE_HOME := $(CURDIR)/.gap/cache
endif

.PHONY: all install test test-all test-fast fuzz published docs lint format clean

all: install
	@snakemake --cores $(CORES) --quiet rules
	@gap where

install: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or later is needed; found $$($(PYTHON) --version). Try: make PYTHON=python3.12"; exit 2; }
	$(PYTHON) -m venv "$(VENV)"
	"$(BIN)/python" -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[test]'
	@touch $@

# Two files at a time: most of a workflow test is the start of one program after the other.  Variants that take minutes are left to
# `make test-all`.
test: install
	pytest --numprocesses 2 --dist loadfile --ignore tests/workflow -m 'not nightly'
	pytest --numprocesses 2 --dist loadfile tests/workflow -m 'not nightly'

test-all: install
	pytest --numprocesses 2 --dist loadfile --ignore tests/workflow
	pytest --numprocesses 2 --dist loadfile tests/workflow

# Everything but the workflow tests, which run Snakemake and DVC, and what is marked slow.
test-fast: install
	pytest --numprocesses 2 --dist loadfile --ignore tests/workflow -m 'not slow and not nightly'

# Hostile inputs, FUZZ of each kind, other ones at every call.
FUZZ ?= 10000
fuzz: install
	GAP_FUZZ=$(FUZZ) pytest --numprocesses 2 tests/fuzz

# The authors' released rows, redrawn and audited; renews docs/published-results.md too.
published: install
	@snakemake --cores $(CORES) --quiet rules --config study=published
	@gap published-docs

# Pages and schemas that are made from the code.
docs: install
	gap schema
	gap tables-doc
	python workflow/scripts/rulegraph.py

# Formatters, linters and the type checker find nothing, in the versions of constraints.txt.
lint: install
	ruff check .
	ruff format --check .
	snakefmt --check Snakefile workflow
	snakemake --lint
	mypy

format: install
	ruff check --fix .
	ruff format .
	snakefmt Snakefile workflow

# The heavy results of one study: listed with sizes by `make clean STUDY=demo`, deleted with CONFIRM=1 alone.
clean: install
	@gap clean "$(STUDY)" $(if $(filter 1,$(CONFIRM)),--confirm)
