# make demo | test | check | real | engines | peers | fuzz | docs | browser | notebooks | bench | pictures. Each sets up what it needs in .venv; nothing to edit.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUN_STAMP := $(VENV)/.installed
DEV_STAMP := $(VENV)/.installed-dev
BENCH_STAMP := $(VENV)/.installed-bench

.PHONY: demo test check real engines peers fuzz matrix docs browser chromium notebooks bench pictures setup clean

# Compiled tests are kept between runs, whatever the shell says.
unexport PYTHONDONTWRITEBYTECODE

demo: $(RUN_STAMP)
	$(BIN)/headpursuit demo

test: $(DEV_STAMP)
	$(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder

check: $(DEV_STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(MAKE) test
	$(MAKE) engines
	$(MAKE) real
	$(MAKE) matrix
	$(MAKE) fuzz EXAMPLES=repeatable
	$(MAKE) docs

real: $(DEV_STAMP)
	$(BIN)/python -m pytest -m real

engines: $(DEV_STAMP)
	$(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder -m engines

# Only the library of llama.cpp is built, without its programs.
peers: export CMAKE_ARGS ?= -DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_EXAMPLES=OFF -DLLAMA_BUILD_TOOLS=OFF -DLLAVA_BUILD=OFF
peers: $(VENV)/.installed-peers
	$(BIN)/python -m pytest -m peers

fuzz: EXAMPLES ?= thorough
fuzz: $(DEV_STAMP)
	$(BIN)/python -m pytest -n auto --dist worksteal --hypothesis-profile $(EXAMPLES) -m "(slow or hypothesis) and not real"

matrix: $(DEV_STAMP)
	$(BIN)/python -m pytest -n auto -m matrix tests/matrix

docs: $(VENV)/.installed-docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict
	$(BIN)/python -m pytest -m docs tests/docs

browser: chromium $(VENV)/.installed-browser
	$(BIN)/python -m pytest -m "browser or not slow" tests/explore

chromium:
	@command -v chromium >/dev/null || command -v google-chrome >/dev/null || { echo "make browser needs Chromium: install your system's package chromium (Debian: apt-get install chromium)" >&2; exit 1; }

bench: $(BENCH_STAMP)
	for name in pursuit libraries ranking capturing rescaling certifying replaying arms; do $(BIN)/python benchmarks/$$name.py || exit 1; done

notebooks: $(VENV)/.installed-notebooks
	$(BIN)/python -m pytest -m notebooks tests/docs

pictures: chromium demo $(VENV)/.installed-browser
	cp demo/figures/heatmap.png docs/images/countries-heatmap.png
	cp demo/figures/arms.png docs/images/countries-arms.png
	$(BIN)/python tools/explore_screenshot.py docs/images/explore.png

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

# What some targets need beside the tools of development: the extra of their name.
$(VENV)/.installed-%: $(DEV_STAMP)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev,$*]'
	touch $@

clean:
	rm -rf $(VENV) demo demo-vision site
