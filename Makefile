# Everything is made here, below .venv; nothing of the machine is needed but Python 3.11 or newer.
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
ifeq ($(PYTHON),)
$(error Python 3.11 or newer is needed: install it, or say `make PYTHON=/path/to/python`)
endif

.PHONY: demo test test-faults test-the-rest lint coverage floors pythons release-check bench docs clean
.DEFAULT_GOAL := test

demo: .venv/demo/ready
	.venv/demo/bin/python -m example_app

# What only computes, or waits for processes of its own, shares two cores: each test has its own
# database, folder and ports. The rest watches what happens at one time, and waits more than it
# computes: the faults on one core, whatever is left on the other.
COMPUTES = tests/model tests/documentation tests/app_operations tests/blueprint tests/cli \
	tests/example_app tests/extension tests/observability tests/openapi tests/rules \
	tests/streams tests/testing tests/versions tests/storage/plans tests/storage/schema \
	$(foreach storage,memory sqlite postgresql mariadb mongodb mongomock what_vanishes \
	unreadable_rows encodings,tests/storage/test_$(storage).py)
test: lint
	.venv/test/bin/python -m pytest -n 2 --dist worksteal $(COMPUTES)
	$(MAKE) --no-print-directory --jobs=2 --output-sync=line test-faults test-the-rest

test-faults: .venv/test/ready
	.venv/test/bin/python -m pytest tests/faults

test-the-rest: .venv/test/ready
	.venv/test/bin/python -m pytest $(COMPUTES:%=--ignore=%) --ignore=tests/faults

lint: .venv/test/ready
	.venv/test/bin/ruff check .
	.venv/test/bin/ruff format --check .
	.venv/test/bin/mypy
	.venv/test/bin/lint-imports

# Which lines no test has run, in a table and as pages; `make coverage ARGS=tests/push` of some tests.
coverage: .venv/test/ready
	rm -rf .venv/coverage
	.venv/test/bin/coverage run -m pytest $(ARGS); tests=$$?; \
	.venv/test/bin/coverage combine --quiet && \
	.venv/test/bin/coverage html --quiet && \
	.venv/test/bin/coverage report && \
	echo "file://$(CURDIR)/.venv/coverage/html/index.html" && exit $$tests

# The core of the tests: what differs first with the versions of Python, and with those of other
# packages. With a Python come threads, forks, warnings and its own sqlite3; with a package what is
# called of it: the drivers, Flask, marshmallow, PyJWT, pycurl, but not delivery, which calls none.
STORAGES = $(1:%=tests/storage/test_%.py)
WITH_PYTHON = tests/blueprint tests/extension $(call STORAGES,memory sqlite)
WITH_PACKAGES = tests/blueprint tests/extension tests/push tests/storage/schema \
	$(call STORAGES,sqlite postgresql mariadb mongodb mongomock) \
	tests/openapi/test_document.py tests/workers/test_tasks.py tests/storage/test_silent_servers.py \
	tests/observability/test_prometheus.py tests/observability/test_opentelemetry.py

# With the lowest version that pyproject.toml allows of each package, and what uses those of extras.
floors: .venv/floors/ready
	.venv/floors/bin/python -m pytest $(WITH_PACKAGES)

# With each other Python that is found, by its name or in pyenv, which hides those not chosen.
PYTHONS = 3.11 3.12 3.13 3.14
pythons: $(PYTHONS:%=python-%)
find = $(shell for p in python$(1) $${PYENV_ROOT:-$$HOME/.pyenv}/versions/$(1).*/bin/python; do \
	$$p -c 'import sys, ensurepip; sys.exit(not sys.version.startswith("$(1)."))' 2>/dev/null && \
	echo $$p && break; done)
python-%:
	@if $(PYTHON) -c 'import sys; sys.exit(not sys.version.startswith("$*."))'; then \
		echo "Python $*: not here, it is the one of \`make test\`"; \
	elif [ -z "$(call find,$*)" ]; then \
		echo "Python $*: skipped: not installed"; \
	else \
		$(MAKE) --no-print-directory .venv/python-$*/ready PYTHON=$(call find,$*) && \
		echo "Python $*: .venv/python-$*/bin/python -m pytest, of the core" && \
		.venv/python-$*/bin/python -m pytest $(WITH_PYTHON); \
	fi

# What would be published: is it whole, and does it do its job where nothing of this tree is?
release-check: .venv/release/ready
	rm -rf .venv/release/dist build *.egg-info  # lists of earlier builds are packed again
	.venv/release/bin/python -m build --outdir .venv/release/dist >.venv/release/build.log 2>&1 || \
		{ cat .venv/release/build.log; exit 1; }
	.venv/release/bin/twine check --strict .venv/release/dist/*
	.venv/release/bin/python tests/release/contents.py .venv/release/dist
	elsewhere=$$(mktemp -d) && trap 'rm -rf "$$elsewhere"' EXIT && cd "$$elsewhere" && \
	$(PYTHON) -m venv host && \
	host/bin/pip install --quiet --disable-pip-version-check \
		"$$(ls $(CURDIR)/.venv/release/dist/*.whl)[simulator,reference]" && \
	host/bin/python -I $(CURDIR)/tests/release/main_job.py

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

.venv/release/ready: pyproject.toml
	$(PYTHON) -m venv --clear .venv/release
	.venv/release/bin/pip install --quiet --disable-pip-version-check --upgrade "pip>=25.1"
	.venv/release/bin/pip install --quiet --disable-pip-version-check --group release
	touch $@

.venv/bench/ready: pyproject.toml
	$(PYTHON) -m venv --clear .venv/bench
	.venv/bench/bin/pip install --quiet --disable-pip-version-check --upgrade "pip>=25.1"
	.venv/bench/bin/pip install --quiet --disable-pip-version-check --group bench --editable .
	touch $@

# What the tests need and is compiled here: `COMPILED="--group mysqlclient"`, as CI says it.
.venv/test/ready $(PYTHONS:%=.venv/python-%/ready): pyproject.toml
	$(PYTHON) -m venv --clear $(@D)
	$(@D)/bin/pip install --quiet --disable-pip-version-check --upgrade "pip>=25.1"
	$(@D)/bin/pip install --quiet --disable-pip-version-check --group test $(COMPILED) --editable .
	touch $@

# The package's own requirements at their lowest; those of the tests as in .venv/test.
.venv/floors/ready: pyproject.toml
	$(PYTHON) -m venv --clear .venv/floors
	.venv/floors/bin/pip install --quiet --disable-pip-version-check "uv>=0.13"
	.venv/floors/bin/uv pip compile --quiet --system-certs --python .venv/floors/bin/python --all-extras \
		--resolution lowest-direct --output-file .venv/floors/lowest.txt pyproject.toml
	.venv/floors/bin/uv pip install --quiet --system-certs --python .venv/floors/bin/python \
		--constraint .venv/floors/lowest.txt --group test $(COMPILED) --editable .
	touch $@
