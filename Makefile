PYTHON ?= python

.PHONY: all format lint types test slow bench fuzz docs wheel

all: format lint types docs test  ## what CI runs

format:
	$(PYTHON) -m ruff format --check .

lint:
	$(PYTHON) -m ruff check .

types:
	$(PYTHON) -m mypy

test:
	HF_HUB_OFFLINE=1 $(PYTHON) -m pytest -m "not slow" -n auto --maxprocesses 4

slow:
	HF_HUB_OFFLINE=1 $(PYTHON) -m pytest -m slow

bench:
	$(PYTHON) -m promptsearch bench
	$(PYTHON) benchmarks/mining_throughput.py

fuzz:  ## needs atheris
	$(PYTHON) scripts/fuzz.py

docs:  ## build/site
	NO_MKDOCS_2_WARNING=1 $(PYTHON) -m mkdocs build --strict

wheel:
	$(PYTHON) -m pip wheel --no-deps -w dist .
