# Sets up a fresh machine and runs: `make demo` the main job, `make test` the tests.
# Needs python3 (3.11 or 3.12) with venv, and a C++ compiler for the tests of firmware.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
SOURCES := setup.cfg pyproject.toml constraints.txt

.PHONY: demo test test-fast test-heavy lint typecheck docs clean

demo: $(VENV)/.base
	@echo "== running the main job on the bundled events"
	$(BIN)/l1kd run tests/data/ttbar2l_PU140.root --truth tests/data/ttbar2l_PU0.root \
	  --minbias tests/data/zerobias_PU140.root --min-pt 1 --library 20000 --mean-pileup 140 \
	  --out demo \
	  --label "Delphes simulation, 14 TeV, pile-up 140"
	@echo "== open demo/index.html"

test: $(VENV)/.full
	@echo "== running the tests"
	$(BIN)/python -m pytest -n 2 --dist loadfile --durations=15

test-fast: $(VENV)/.full
	@echo "== running the tests that need no compiler, no training and no simulator"
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "not heavy and not slow" -q \
	  --ignore=tests/models --ignore=tests/test_docs.py --ignore=tests/test_examples.py \
	  --ignore=tests/test_wheel.py --ignore=tests/emulators/network/layers \
	  --ignore=tests/emulators/network/native --ignore=tests/emulators/network/cpp \
	  --ignore=tests/emulators/test_compilation.py --ignore=tests/l1kd/execution \
	  --ignore=tests/l1kd/cli/test_verbs.py

test-heavy: $(VENV)/.full
	@echo "== running the comparisons with firmware that compiles for minutes"
	$(BIN)/python -m pytest -n 2 -m heavy --timeout 7200

lint: $(VENV)/.full
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-cache

typecheck: $(VENV)/.full
	@echo "== checking types"
	$(BIN)/mypy -p l1kd

docs: $(VENV)/.docs
	$(BIN)/mkdocs build --strict

$(BIN)/python:
	@echo "== making the environment $(VENV)"
	$(PYTHON) -m venv $(VENV)

$(VENV)/.base: $(BIN)/python $(SOURCES)
	@echo "== installing l1kd and what it needs to run"
	$(PIP) install -c constraints.txt -e .
	@touch $@

$(VENV)/.full: $(VENV)/.base
	@echo "== installing what the trainings, the firmware and the tests need (about 3 GB)"
	$(PIP) install -c constraints.txt -e ".[train,firmware,test]"
	@echo "== putting back the QKeras that the wheel of hgq2 overwrites"
	rm -rf $$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])')/qkeras
	$(PIP) install -c constraints.txt --force-reinstall --no-deps qkeras==0.9.0
	$(BIN)/l1kd doctor
	@touch $@

$(VENV)/.docs: $(VENV)/.base
	$(PIP) install -c constraints.txt -e ".[docs]"
	@touch $@

clean:
	rm -rf $(VENV) build dist demo site l1kd.egg-info
