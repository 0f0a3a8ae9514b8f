# `make help` lists what there is.
PYTHON ?= python3
VENV   := .venv
# Not $(abspath): it would cut a path at its spaces.
BIN    := $(if $(filter /%,$(VENV)),$(VENV),$(CURDIR)/$(VENV))/bin
CORES  ?= all
SELECTED = $(or $(STUDY),$(shell sed -n "s/^study: *[\"']*\([A-Za-z0-9._-]*\).*/\1/p" params.yaml))
OF_STUDY = $(if $(STUDY),--config study=$(STUDY))
export PATH := $(BIN):$(PATH)
export HF_HUB_DISABLE_TELEMETRY := 1
export TOKENIZERS_PARALLELISM := false
# Snakemake and matplotlib keep caches below HOME; where that cannot be written, they are kept here.
ifneq ($(shell cache="$${XDG_CACHE_HOME:-$$HOME/.cache}"; mkdir -p "$$cache" 2> /dev/null && test -w "$$cache" && echo yes),yes)
export XDG_CACHE_HOME := $(CURDIR)/.gap/cache
export MPLCONFIGDIR := $(CURDIR)/.gap/cache/matplotlib
endif

.DEFAULT_GOAL := all
.PHONY: all plan help install install-test test test-all test-fast fuzz audit published paper docs site lint format clean

#: installs everything, then makes the study that params.yaml selects, or another one: make STUDY=small
all: install
	@snakemake --cores $(CORES) --logger gap $(OF_STUDY)
	@gap where $(STUDY)
	@test ! -e "expectations/$(SELECTED).json" || gap verify $(STUDY) || true

#: the jobs that `make` would run, with their counts, hours, disk, download and memory; runs none
plan: install
	@snakemake --cores $(CORES) --quiet rules --dry-run $(OF_STUDY)
	@gap plan $(STUDY)

#: this list
help:
	@sed -n '/^#: /{s/^#: //;h;n;s/^\([a-z-]*\):.*/make \1/;G;s/\n/\t/;p}' $(firstword $(MAKEFILE_LIST)) | expand -t 19
	@printf '\nstudies of params.yaml: make STUDY=NAME makes one, make plan STUDY=NAME says what it would cost,\n`study:` there is what plain make makes, now $(SELECTED)\n'
	@sed -n '/^studies:/,$${/^  [A-Za-z0-9._-]*:/{s/: *$$//;h};/^    title: /{s/^    title: */\t/;H;g;s/\n//;p}}' params.yaml | expand -t 19

#: installs into .venv what constraints.txt says, by uv where it is on PATH, else by pip
install: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2> /dev/null || { echo "Python 3.11 or later is needed; $(PYTHON) is $$($(PYTHON) --version 2> /dev/null || echo not there). Try: make PYTHON=python3.12"; exit 2; }
	@$(PYTHON) workflow/scripts/install.py "$(VENV)"
	@touch "$@"

#: adds what tests and linters need; the targets below do it by themselves
install-test: $(VENV)/.installed-test

$(VENV)/.installed-test: $(VENV)/.installed
	@$(PYTHON) workflow/scripts/install.py "$(VENV)" test
	@touch "$@"

$(VENV)/.installed-test-all: $(VENV)/.installed-test
	@$(PYTHON) workflow/scripts/install.py "$(VENV)" test-all,s3,slurm
	@touch "$@"

# Files run side by side: two, or three of the workflow tests, which wait much for programs to start.
#: the tests, without variants that take minutes
test: install-test
	pytest --numprocesses 2 --dist loadfile --ignore tests/workflow -m 'not nightly'
	pytest --numprocesses 3 --dist loadfile tests/workflow -m 'not nightly'

#: all tests; those of Slurm also need root, and Debian's slurm-wlm and munge
test-all: install-test $(VENV)/.installed-test-all
	pytest --numprocesses 2 --dist loadfile --ignore tests/workflow
	GAP_TESTS_PRELOADED=no pytest --numprocesses 3 --dist loadfile tests/workflow

#: the tests, without those that run Snakemake and DVC, and without what is slow
test-fast: install-test
	pytest --numprocesses 2 --dist loadfile --ignore tests/workflow -m 'not slow and not nightly'

FUZZ ?= 10000
#: hostile inputs, FUZZ of each kind (10000), other ones at every call
fuzz: install-test
	GAP_FUZZ=$(FUZZ) pytest --numprocesses 2 tests/fuzz

#: known holes in the versions of constraints.txt, but those named in config/audit-exceptions.txt; needs pipx and the network
audit:
	@pipx run pip-audit==2.10.1 --requirement constraints.txt --no-deps --disable-pip $$(sed -n 's/^\([A-Z][^ ]*\) .*/--ignore-vuln \1/p' config/audit-exceptions.txt)

#: the authors' released rows, redrawn and audited; renews docs/published-results.md too
published: install
	@snakemake --cores $(CORES) --logger gap --config study=published
	@gap published-docs

#: the article, docs/paper/paper.pdf, with every number from the results; needs TeX
paper: install
	@command -v latexmk > /dev/null || { echo "latexmk is needed; on Debian: apt-get install --no-install-recommends latexmk texlive-latex-recommended texlive-latex-extra texlive-fonts-recommended"; exit 2; }
	@gap paper-numbers
	@latexmk -cd -pdf -outdir=build -interaction=nonstopmode -halt-on-error -silent docs/paper/paper.tex
	@cp docs/paper/build/paper.pdf docs/paper/paper.pdf && echo "article  docs/paper/paper.pdf"

#: pages and schemas that are made from the code
docs: install
	gap schema
	gap tables-doc
	gap page-numbers
	python workflow/scripts/rulegraph.py
	python workflow/scripts/reference.py

#: the documentation as a site, site/index.html
site: install-test
	@NO_MKDOCS_2_WARNING=1 mkdocs build --quiet --strict && echo "site     site/index.html"

#: formatters, linters and the type checker find nothing
lint: install-test
	ruff check .
	ruff format --check .
	snakefmt --check Snakefile workflow
	snakemake --lint
	mypy

#: formats the code
format: install-test
	ruff check --fix .
	ruff format .
	snakefmt Snakefile workflow

#: lists the heavy results of one study with their sizes: make clean STUDY=demo; with CONFIRM=1 deletes them
clean: install
	@gap clean "$(STUDY)" $(if $(filter 1,$(CONFIRM)),--confirm)
