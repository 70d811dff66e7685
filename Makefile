# Everything is made here, below .venv; nothing of the machine is needed but Python 3.11 or newer.
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
ifeq ($(PYTHON),)
$(error Python 3.11 or newer is needed: install it, or say `make PYTHON=/path/to/python`)
endif

.PHONY: demo test lint bench docs clean
.DEFAULT_GOAL := test

demo: .venv/demo/ready
	.venv/demo/bin/python -m example_app

# What only computes shares two cores. The rest watches what happens at one time, and is alone.
COMPUTES = tests/model tests/storage/plans tests/documentation
test: lint
	.venv/test/bin/python -m pytest -n 2 --dist worksteal $(COMPUTES)
	.venv/test/bin/python -m pytest $(COMPUTES:%=--ignore=%)

lint: .venv/test/ready
	.venv/test/bin/ruff check .
	.venv/test/bin/ruff format --check .
	.venv/test/bin/mypy

# `make bench ARGS=--quick` is little of each; `ARGS="--only engines"` is one part.
bench: .venv/bench/ready
	.venv/bench/bin/python benchmarks $(ARGS)

docs: .venv/docs/ready
	.venv/docs/bin/sphinx-build --fail-on-warning --quiet docs .venv/docs/site
	@echo "file://$(CURDIR)/.venv/docs/site/index.html"

clean:
	rm -rf .venv

.venv/demo/ready: pyproject.toml
	$(PYTHON) -m venv --clear .venv/demo
	.venv/demo/bin/pip install --quiet --disable-pip-version-check --editable ".[simulator,reference,postgresql,mysql]"
	touch $@

.venv/docs/ready: pyproject.toml
	$(PYTHON) -m venv --clear .venv/docs
	.venv/docs/bin/pip install --quiet --disable-pip-version-check --upgrade "pip>=25.1"
	.venv/docs/bin/pip install --quiet --disable-pip-version-check --group docs --editable ".[openapi]"
	touch $@

.venv/bench/ready: pyproject.toml
	$(PYTHON) -m venv --clear .venv/bench
	.venv/bench/bin/pip install --quiet --disable-pip-version-check --upgrade "pip>=25.1"
	.venv/bench/bin/pip install --quiet --disable-pip-version-check --group bench --editable .
	touch $@

.venv/test/ready: pyproject.toml
	$(PYTHON) -m venv --clear .venv/test
	.venv/test/bin/pip install --quiet --disable-pip-version-check --upgrade "pip>=25.1"
	.venv/test/bin/pip install --quiet --disable-pip-version-check --group test --editable .
	touch $@
