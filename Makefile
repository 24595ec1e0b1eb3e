# Every target creates the virtual environment that it needs. `make demo` and `make test` are enough to start with.
PYTHON ?= python3
# Part of the name of each environment's stamp, so that another PYTHON sets up the environment again.
VERSION := $(shell $(PYTHON) -c 'import platform, sys; print(platform.python_version() + sys.abiflags)' 2>/dev/null)
PIP_INSTALL = python -m pip install -qq --disable-pip-version-check
LOCK = .venv-lock/bin/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate
# Tests with the marker need packages that only requirements/check.txt has. `make check` runs them in .venv-check.
LEAN = -n 2 -m "not needs_check_env and not needs_aiobotocore"
# AWS's JavaScript SDK and axe-core. Without node and npm they are not installed, and their tests are skipped.
NODE_MODULES := $(if $(and $(shell command -v node 2>/dev/null),$(shell command -v npm 2>/dev/null)),tests/javascript/node_modules/ready)

.PHONY: help demo test check lint test-check test-async test-lowest test-wheel wheel dist typing latest bench bench-instructions fleet coverage soak mutants docs lock clean

help:
	@echo "make demo         print typed jobs that were read over HTTP, without an AWS account"
	@echo "make test         run the tests, except those that need Dask, moto, Polars, DuckDB, Jupyter, AWS's command line or node"
	@echo "make check        run the other tests, lint, types and documentation; make test with the wheel and the lowest versions"
	@echo "make latest       run the tests with the newest versions; print what AWS added to the service model"
	@echo "make bench        compare the cost of drs_jobs with boto3 on a quiet machine; write docs/benchmarks.md"
	@echo "make bench-instructions  count the instructions of reading jobs with valgrind, which a loaded machine does not change"
	@echo "make fleet        sweep 2,000 targets on threads, processes and a Dask cluster"
	@echo "make coverage     print the lines and branches that no test runs"
	@echo "make soak         run ten thousand schedules of faults, and ten minutes of fuzzing"
	@echo "make mutants      run mutation tests of the core, which takes almost an hour"
	@echo "make docs         build the documentation into docs/_build/html, and check its links and its search"
	@echo "make lock         lock the newest versions in requirements"
	@echo "PYTHON=python3.14 after any of them selects the interpreter"

demo: .venv-demo/ready-$(VERSION)
	@.venv-demo/bin/drs-jobs demo

test: .venv/ready-$(VERSION)
	.venv/bin/pytest $(LEAN)

check: lint typing docs test-check test-async test-wheel test-lowest

lint: .venv-check/ready-$(VERSION)
	.venv-check/bin/ruff check .
	.venv-check/bin/ruff format --check .
	.venv-check/bin/mypy
	.venv-check/bin/pyright
	.venv-check/bin/zizmor --offline --quiet .github

# Six type checkers, with each kind of client. The clients of .venv-async have no stubs.
typing: .venv-check/ready-$(VERSION) .venv-async/ready-$(VERSION)
	.venv-check/bin/python tests/typing/check.py

# The command line of AWS pins a version of botocore, so it has an environment of its own.
test-check: .venv-check/ready-$(VERSION) .venv-aws-cli/ready-$(VERSION) $(NODE_MODULES)
	DRS_JOBS_AWS_CLI=.venv-aws-cli/bin/aws .venv-check/bin/pytest -n 2 -m needs_check_env

# aiobotocore pins a version of botocore too. Its environments do not have what the other test files need.
ASYNC_TESTS := $(shell grep -lE "both_clients|both_sweeps|needs_aiobotocore" tests/test_*.py)
test-async: .venv-async/ready-$(VERSION) .venv-async-lowest/ready-$(VERSION)
	.venv-async/bin/pytest -n 2 -m needs_aiobotocore $(ASYNC_TESTS)
	.venv-async-lowest/bin/pytest -n 2 -m "needs_aiobotocore and not needs_trio" $(ASYNC_TESTS)

# The tests of the source distribution, unpacked outside of this folder, so that a missing file is an error. They run without
# the extra `speed`, and all other tests with it.
test-wheel: wheel
	folder=$$(mktemp -d) && trap 'rm -rf "$$folder"' EXIT && tar -xzf dist/*.tar.gz -C "$$folder" --strip-components=1 && \
	  cd "$$folder" && "$(CURDIR)/.venv-wheel/bin/pytest" $(LEAN) --without-msgspec

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

# The newest versions, so they are not locked. pip before 25.1 does not have --group.
latest:
	@$(PYTHON) -m venv --clear .venv-latest
	@.venv-latest/bin/$(PIP_INSTALL) --upgrade pip
	@.venv-latest/bin/$(PIP_INSTALL) --upgrade -e '.[cli,notebook,report,speed,testing]' --group test
	.venv-latest/bin/python tests/service_model.py
	.venv-latest/bin/pytest $(LEAN) --deselect tests/test_completeness.py::test_what_aws_has_we_have

bench: .venv-check/ready-$(VERSION) .venv-async/ready-$(VERSION)
	.venv-check/bin/python benchmarks/bench.py

# Valgrind is a package of the operating system.
bench-instructions: .venv-check/ready-$(VERSION)
	.venv-check/bin/python benchmarks/instructions.py

fleet: .venv-check/ready-$(VERSION)
	DRS_JOBS_ACCOUNTS=500 .venv-check/bin/pytest tests/test_sweep.py -k every_target --durations=0

coverage: .venv-check/ready-$(VERSION) .venv-aws-cli/ready-$(VERSION) $(NODE_MODULES)
	DRS_JOBS_AWS_CLI=.venv-aws-cli/bin/aws .venv-check/bin/coverage run -m pytest
	.venv-check/bin/coverage report

soak: .venv/ready-$(VERSION)
	.venv/bin/python tests/soak.py 10000 10

mutants: .venv-mutants/ready-$(VERSION)
	.venv-mutants/bin/python tests/mutants.py

# Whole, because Sphinx does not update the source pages if the reference has moved.
docs: .venv-check/ready-$(VERSION)
	rm -rf docs/_build
	.venv-check/bin/sphinx-build -q -W --keep-going -b html docs docs/_build/html
	.venv-check/bin/python docs/check_site.py docs/_build/html

# One environment per file of locked requirements, and the package without its dependencies. The environments of tools do not
# need the package.
define SET_UP
@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
  { echo "drs_jobs needs Python 3.11 or later: make PYTHON=python3.11 $(firstword $(MAKECMDGOALS))" >&2; exit 1; }
@$(PYTHON) -m venv --clear $(@D) >/dev/null 2>&1 || { echo "this Python cannot create virtual environments: install its venv module (Debian: apt-get install python3-venv)" >&2; exit 1; }
@echo "setting up $(@D) from $< for Python $(VERSION)"
@$(@D)/bin/$(PIP_INSTALL) --require-hashes -r $<
@$(if $(filter .venv-aws-cli .venv-lock,$(@D)),,$(@D)/bin/$(PIP_INSTALL) --no-deps --no-build-isolation -e .)
@touch $@
endef
.venv/ready-$(VERSION) .venv-wheel/ready-$(VERSION): requirements/test.txt
	$(SET_UP)
.venv-%/ready-$(VERSION): requirements/%.txt
	$(SET_UP)

tests/javascript/node_modules/ready: tests/javascript/package-lock.json
	@echo "setting up $(@D) from $<"
	@cd $(<D) && npm ci --silent
	@touch $@

lock: .venv-lock/ready-$(VERSION)
	$(LOCK) pyproject.toml --upgrade --extra cli --extra report --extra testing --group build -o requirements/demo.txt
	$(LOCK) pyproject.toml --upgrade --extra cli --extra testing --extra notebook --extra report --extra speed --group test --group build -o requirements/test.txt
	$(LOCK) pyproject.toml --upgrade --extra cli --extra testing --extra notebook --extra report --extra speed --group check -o requirements/check.txt
	$(LOCK) pyproject.toml --upgrade --extra cli --extra testing --extra notebook --extra report --extra speed --group test --group build --resolution lowest-direct -o requirements/lowest.txt
	$(LOCK) pyproject.toml --upgrade --extra cli --extra testing --group test --group mutants --group build -o requirements/mutants.txt
	$(LOCK) pyproject.toml --upgrade --extra async --extra speed --extra testing --group async -o requirements/async.txt
	$(LOCK) pyproject.toml --upgrade --extra async --extra testing --group test --group build --resolution lowest-direct -o requirements/async-lowest.txt
	$(LOCK) --upgrade --group aws-cli -o requirements/aws-cli.txt
	$(LOCK) --upgrade --group lock -o requirements/lock.txt
	$(if $(NODE_MODULES),cd tests/javascript && npm install --silent --package-lock-only --save-exact @aws-sdk/client-drs@latest axe-core@latest && node strip_lock.mjs)

clean:
	rm -rf .venv .venv-* build dist docs/_build .hypothesis .mypy_cache .pytest_cache .ruff_cache .coverage tests/javascript/node_modules
