# Needs only python3 (3.11 or newer) with its venv module.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --disable-pip-version-check --constraint constraints.txt

.PHONY: help bench test validation statistics rooms clean

help:
	@echo "make bench        compare AEVB, wake-sleep and Monte Carlo EM (into runs/main; repeat it to continue)"
	@echo "make test         lint, type-check, test, build and time the project (TOXENV=tests: only the tests)"
	@echo "make validation   compare every estimator with the truth, and its errors with repeated runs (more than an hour, needs MNIST)"
	@echo "make statistics   measure coverage and false alarms, into docs/statistics.md (more than an hour)"
	@echo "make rooms        update the picture of the rooms in CONTRIBUTING.md"
	@echo "make clean        remove environments and build outputs, but not runs/"

bench: $(VENV)/.bench
	$(BIN)/bench run --algos aevb,wakesleep,mcem --z 3,5,10 --seeds 3 --out runs/main

test: $(VENV)/.tox
	$(BIN)/tox run-parallel

validation: $(VENV)/.bench
	$(BIN)/python docs/validation.py > docs/validation.md.new && mv docs/validation.md.new docs/validation.md
	$(BIN)/python docs/standard_errors.py > docs/standard_errors.md.new && mv docs/standard_errors.md.new docs/standard_errors.md

statistics: $(VENV)/.bench
	$(BIN)/python docs/statistics.py > docs/statistics.md.new && mv docs/statistics.md.new docs/statistics.md

rooms: $(VENV)/.bench
	$(PIP) --quiet grimp
	$(BIN)/python docs/rooms.py --write

clean:
	rm -rf $(VENV) .tox build dist *.egg-info

$(VENV)/.python:
	$(PYTHON) -m venv $(VENV)
	touch $@

$(VENV)/.bench: pyproject.toml constraints.txt $(VENV)/.python
	$(PIP) --editable .
	touch $@

$(VENV)/.tox: constraints.txt $(VENV)/.python
	$(PIP) tox tox-uv
	touch $@
