# make demo | make test | make check | make bench. Each sets up what it needs in .venv; nothing to edit.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUN_STAMP := $(VENV)/.installed
DEV_STAMP := $(VENV)/.installed-dev
BENCH_STAMP := $(VENV)/.installed-bench

.PHONY: demo test check matrix bench setup clean

demo: $(RUN_STAMP)
	$(BIN)/headpursuit demo

test: $(DEV_STAMP)
	$(BIN)/python -m pytest

check: $(DEV_STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(MAKE) test
	$(MAKE) matrix

matrix: $(DEV_STAMP)
	$(BIN)/python -m pytest -m matrix tests/matrix

bench: $(BENCH_STAMP)
	for name in pursuit libraries ranking capturing rescaling certifying; do $(BIN)/python benchmarks/$$name.py || exit 1; done

setup: $(DEV_STAMP)

$(VENV)/pyvenv.cfg:
	@$(PYTHON) -c 'import sys; sys.exit("headpursuit needs Python 3.11 or newer; this is " + sys.version.split()[0] + ". Try: make PYTHON=python3.12 ...") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV) || (rm -rf $(VENV); exit 1)

$(RUN_STAMP): $(VENV)/pyvenv.cfg pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable .
	touch $@

$(DEV_STAMP): $(VENV)/pyvenv.cfg pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@ $(RUN_STAMP)

$(BENCH_STAMP): $(VENV)/pyvenv.cfg pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[bench]'
	touch $@

clean:
	rm -rf $(VENV) demo demo-vision
