# Needs python3 (3.11 or newer) with its venv module, and nothing else.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --disable-pip-version-check --constraint constraints.txt

.PHONY: help bench test validation statistics clean

help:
	@echo "make bench   compare AEVB, wake-sleep and Monte Carlo EM (into runs/main; run it again to go on)"
	@echo "make test    lint, type-check, test, build and time the project (TOXENV=tests: only the tests)"
	@echo "make validation   hold every estimator against truth again, into docs/validation.md (a quarter of an hour, MNIST)"
	@echo "make statistics   how often intervals cover and alarms are false, into docs/statistics.md (some minutes)"
	@echo "make clean   remove the environments and what was built; runs/ stays"

bench: $(VENV)/.bench
	$(BIN)/bench run --algos aevb,wakesleep,mcem --z 3,5,10 --seeds 3 --out runs/main

test: $(VENV)/.tox
	$(BIN)/tox run

validation: $(VENV)/.bench
	$(BIN)/python docs/validation.py > docs/validation.md.new && mv docs/validation.md.new docs/validation.md

statistics: $(VENV)/.bench
	$(BIN)/python docs/statistics.py > docs/statistics.md.new && mv docs/statistics.md.new docs/statistics.md

clean:
	rm -rf $(VENV) .tox build dist *.egg-info

$(VENV)/.python:
	$(PYTHON) -m venv $(VENV)
	touch $@

$(VENV)/.bench: pyproject.toml constraints.txt $(VENV)/.python
	$(PIP) --editable .
	touch $@

$(VENV)/.tox: constraints.txt $(VENV)/.python
	$(PIP) tox
	touch $@
