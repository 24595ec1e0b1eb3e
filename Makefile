# Every command sets up what it needs itself. `make demo` and `make test` are all that a newcomer has to know.
PYTHON ?= python3
# Part of the name of each environment's stamp, so that another PYTHON sets up the environment again.
VERSION := $(shell $(PYTHON) -c 'import platform, sys; print(platform.python_version() + sys.abiflags)' 2>/dev/null)
PIP_INSTALL = python -m pip install -qq --disable-pip-version-check
LOCK = .venv-lock/bin/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate
# Tests with the marker need what only requirements/check.txt has; `make check` runs exactly those in .venv-check.
LEAN = -n 2 -m "not needs_check_env"

.PHONY: help demo test check lint test-check test-lowest test-wheel wheel dist typing latest bench fleet coverage soak mutants docs lock clean

help:
	@echo "make demo         see typed jobs that came over HTTP, without an AWS account"
	@echo "make test         run the tests, except those that need Dask, moto, Polars, DuckDB, Jupyter or AWS's command line"
	@echo "make check        those tests; lint, types, documentation; make test on the built wheel and on the lowest versions"
	@echo "make latest       the tests on the newest versions; warns of what AWS added to the service model"
	@echo "make bench        what drs_jobs costs beside boto3; make fleet: 2,000 accounts and regions"
	@echo "make coverage     which branches the tests take"
	@echo "make soak         ten thousand schedules of faults, ten minutes of fuzzing"
	@echo "make mutants      mutation testing of the core: most of an hour"
	@echo "make docs         build the documentation into docs/_build/html"
	@echo "make lock         choose new locked versions"
	@echo "PYTHON=python3.14 after any of them uses that interpreter"

demo: .venv-demo/ready-$(VERSION)
	@.venv-demo/bin/drs-jobs demo

test: .venv/ready-$(VERSION)
	.venv/bin/pytest $(LEAN)

check: lint typing docs test-check test-wheel test-lowest

lint: .venv-check/ready-$(VERSION)
	.venv-check/bin/ruff check .
	.venv-check/bin/ruff format --check .
	.venv-check/bin/mypy
	.venv-check/bin/pyright
	.venv-check/bin/zizmor --offline --quiet .github

# What a user's own type checker reports, with each kind of boto3 client.
typing: .venv-check/ready-$(VERSION) .venv-demo/ready-$(VERSION)
	.venv-check/bin/python tests/typing/check.py

# AWS's own command line pins its own botocore, so it has an environment of its own.
test-check: .venv-check/ready-$(VERSION) .venv-aws-cli/ready-$(VERSION)
	DRS_JOBS_AWS_CLI=.venv-aws-cli/bin/aws .venv-check/bin/pytest -n 2 -m needs_check_env

# The tests as the source distribution has them, unpacked outside of this folder, so that a file that it lacks is not found.
test-wheel: wheel
	folder=$$(mktemp -d) && trap 'rm -rf "$$folder"' EXIT && tar -xzf dist/*.tar.gz -C "$$folder" --strip-components=1 && \
	  cd "$$folder" && "$(CURDIR)/.venv-wheel/bin/pytest" $(LEAN)

# pip builds the wheel from the source distribution.
wheel: .venv-wheel/ready-$(VERSION)
	rm -rf dist
	.venv-wheel/bin/hatchling build -t sdist
	.venv-wheel/bin/$(PIP_INSTALL) --no-deps --no-build-isolation --force-reinstall dist/*.tar.gz

test-lowest: .venv-lowest/ready-$(VERSION)
	.venv-lowest/bin/pytest $(LEAN)

# What a release uploads: the source distribution and the wheel.
dist: .venv/ready-$(VERSION)
	rm -rf dist
	.venv/bin/hatchling build

# Whatever is newest, so not locked. pip before 25.1 does not know --group.
latest:
	@$(PYTHON) -m venv --clear .venv-latest
	@.venv-latest/bin/$(PIP_INSTALL) --upgrade pip
	@.venv-latest/bin/$(PIP_INSTALL) --upgrade -e '.[cli,notebook,testing]' --group test
	.venv-latest/bin/python tests/service_model.py
	.venv-latest/bin/pytest $(LEAN) --deselect tests/test_completeness.py::test_what_aws_has_we_have

# What drs_jobs costs beside boto3, on a quiet machine; writes docs/benchmarks.md.
bench: .venv-check/ready-$(VERSION)
	.venv-check/bin/python benchmarks/bench.py

# 2,000 targets on threads, on processes and on a Dask cluster.
fleet: .venv-check/ready-$(VERSION)
	DRS_JOBS_ACCOUNTS=500 .venv-check/bin/pytest tests/test_sweep.py -k every_target --durations=0

coverage: .venv-check/ready-$(VERSION) .venv-aws-cli/ready-$(VERSION)
	DRS_JOBS_AWS_CLI=.venv-aws-cli/bin/aws .venv-check/bin/coverage run -m pytest
	.venv-check/bin/coverage report

soak: .venv/ready-$(VERSION)
	.venv/bin/python tests/soak.py 10000 10

mutants: .venv-mutants/ready-$(VERSION)
	.venv-mutants/bin/python tests/mutants.py

docs: .venv-check/ready-$(VERSION)
	.venv-check/bin/sphinx-build -q -W --keep-going -b html docs docs/_build/html

# One environment per list of locked requirements. The package itself comes on top, without dependencies, except where
# the environment only holds a tool.
define SET_UP
@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
  { echo "drs_jobs needs Python 3.11 or later: make PYTHON=python3.11 $(firstword $(MAKECMDGOALS))" >&2; exit 1; }
@$(PYTHON) -m venv --clear $(@D) >/dev/null 2>&1 || { echo "Python can't make virtual environments here: install its venv module (Debian: apt-get install python3-venv)" >&2; exit 1; }
@echo "setting up $(@D) from $< for Python $(VERSION)"
@$(@D)/bin/$(PIP_INSTALL) --require-hashes -r $<
@$(if $(filter .venv-aws-cli .venv-lock,$(@D)),,$(@D)/bin/$(PIP_INSTALL) --no-deps --no-build-isolation -e .)
@touch $@
endef
.venv/ready-$(VERSION) .venv-wheel/ready-$(VERSION): requirements/test.txt
	$(SET_UP)
.venv-%/ready-$(VERSION): requirements/%.txt
	$(SET_UP)

lock: .venv-lock/ready-$(VERSION)
	$(LOCK) pyproject.toml --upgrade --extra cli --extra testing --group build -o requirements/demo.txt
	$(LOCK) pyproject.toml --upgrade --extra cli --extra testing --extra notebook --group test --group build -o requirements/test.txt
	$(LOCK) pyproject.toml --upgrade --extra cli --extra testing --extra notebook --group check -o requirements/check.txt
	$(LOCK) pyproject.toml --upgrade --extra cli --extra testing --extra notebook --group test --group build --resolution lowest-direct -o requirements/lowest.txt
	$(LOCK) pyproject.toml --upgrade --extra cli --extra testing --group test --group mutants --group build -o requirements/mutants.txt
	$(LOCK) --upgrade --group aws-cli -o requirements/aws-cli.txt
	$(LOCK) --upgrade --group lock -o requirements/lock.txt

clean:
	rm -rf .venv .venv-* build dist docs/_build .hypothesis .mypy_cache .pytest_cache .ruff_cache .coverage
