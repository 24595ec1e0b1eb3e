# Every target creates the virtual environment that it needs. `make demo` and `make test` are enough to start with.
PYTHON ?= python3
# Part of the name of each environment's stamp, so that another PYTHON sets up the environment again.
VERSION := $(shell $(PYTHON) -c 'import platform, sys; print(platform.python_version() + sys.abiflags)' 2>/dev/null)
PIP = python -m pip -qq --disable-pip-version-check
EXTRAS = cli,notebook,report,speed,testing
# Tests with the marker need packages that only requirements/check.txt has. `make check` runs them in .venv-check. Three processes
# are faster than two on two cores, because some tests wait.
LEAN = -n 3 -m "not needs_check_env and not needs_aiobotocore"
# aiobotocore pins a version of botocore, so it has an environment of its own. That does not have what the other test files need.
ASYNC_TESTS := $(shell grep -lE "both_clients|both_sweeps|needs_aiobotocore" tests/test_*.py)
# AWS's JavaScript SDK and axe-core. Without node and npm they are not installed, and their tests are skipped.
NODE_MODULES := $(if $(and $(shell command -v node 2>/dev/null),$(shell command -v npm 2>/dev/null)),tests/javascript/node_modules/ready)

.PHONY: $(shell sed -n 's/^\([a-z-]*\):.*\#\# .*/\1/p' Makefile)

help: ## print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-20s%s\n", $$1, $$2 }' Makefile
	@echo "PYTHON=python3.14 after any of them selects the interpreter"

demo: .venv/ready-$(VERSION) ## print typed jobs that were read over HTTP, without an AWS account
	@.venv/bin/drs-jobs demo

test: .venv/ready-$(VERSION) ## run the tests that need no other environment
	.venv/bin/pytest $(LEAN)

check: lint typing docs test-check test-async rehearsal test-lowest ## run all other checks, which are the next seven

lint: .venv-check/ready-$(VERSION) ## check style, types and workflows
	.venv-check/bin/ruff check .
	.venv-check/bin/ruff format --check .
	.venv-check/bin/mypy
	.venv-check/bin/pyright
	.venv-check/bin/zizmor --offline --quiet .github

# With each kind of client. The clients of .venv-async have no stubs.
typing: .venv-check/ready-$(VERSION) .venv-async/ready-$(VERSION) ## check the code of users with six type checkers
	.venv-check/bin/python tests/typing/check.py

# Whole, because Sphinx does not update the source pages if the reference has moved.
docs: .venv-check/ready-$(VERSION) ## build the documentation into docs/_build/html, and check its links and its search
	rm -rf docs/_build
	.venv-check/bin/sphinx-build -q -W --keep-going -b html docs docs/_build/html
	.venv-check/bin/python docs/check_site.py docs/_build/html

# The command line of AWS pins a version of botocore, so it has an environment of its own.
test-check: .venv-check/ready-$(VERSION) .venv-aws-cli/ready-$(VERSION) $(NODE_MODULES) ## run the tests with browser, Dask, Jupyter and others
	DRS_JOBS_AWS_CLI=.venv-aws-cli/bin/aws .venv-check/bin/pytest -n 2 -m needs_check_env

test-async: .venv-async/ready-$(VERSION) ## run the tests of the asynchronous client
	.venv-async/bin/pytest -n 2 -m needs_aiobotocore $(ASYNC_TESTS)

# What the publishing action checks. Then, in a clean environment: an installation from an index with drs_jobs and the locked
# versions, the demo, a typed program, and the tests of the source distribution, without the extra `speed`, which all other tests
# have. They run outside of this folder, so that a missing file is an error.
rehearsal: dist .venv-check/ready-$(VERSION) ## rehearse a release: build, check, install, run and test the package
	.venv-check/bin/twine check --strict dist/*
	rm -rf .venv-rehearsal
	$(PYTHON) -m venv .venv-rehearsal
	.venv-rehearsal/bin/$(PIP) download --require-hashes -r requirements/test.txt -d .venv-rehearsal/index
	.venv-rehearsal/bin/$(PIP) install --no-index -f dist -f .venv-rehearsal/index 'drs_jobs[$(EXTRAS)]'
	folder=$$(mktemp -d) && trap 'rm -rf "$$folder"' EXIT && tar -xzf dist/*.tar.gz -C "$$folder" --strip-components=1 && \
	  bin="$(CURDIR)/.venv-rehearsal/bin" && cd "$$folder/tests/typing" && "$$bin/drs-jobs" demo && \
	  "$(CURDIR)/.venv-check/bin/mypy" --strict --config-file= --python-executable "$$bin/python" installed.py && "$$bin/python" installed.py && \
	  "$$bin/"$(PIP) install --no-index -f "$$bin/../index" -r "$$folder/requirements/test.txt" && \
	  cd "$$folder" && "$$bin/pytest" $(LEAN) --without-msgspec

# Without trio, httpx2 and FastAPI.
test-lowest: .venv-lowest/ready-$(VERSION) ## run the tests with the lowest versions
	.venv-lowest/bin/pytest $(LEAN)
	.venv-lowest/bin/pytest -n 2 -m "needs_aiobotocore and not needs_trio" $(ASYNC_TESTS)

# pip builds the wheel from the source distribution, so that both have the same files.
dist: .venv/ready-$(VERSION) ## build what a release uploads: the source distribution and the wheel
	rm -rf dist
	.venv/bin/hatchling build -t sdist
	.venv/bin/$(PIP) wheel --no-deps --no-build-isolation -w dist dist/*.tar.gz

# The newest versions, so they are not locked. pip before 25.1 does not have --group.
latest: ## run the tests with the newest versions; print what AWS added to the service model
	@$(PYTHON) -m venv --clear .venv-latest
	@.venv-latest/bin/$(PIP) install --upgrade pip
	@.venv-latest/bin/$(PIP) install --upgrade -e '.[$(EXTRAS)]' --group test
	@$(PYTHON) -m venv --clear .venv-latest-async
	@.venv-latest-async/bin/$(PIP) install --upgrade pip
	@.venv-latest-async/bin/$(PIP) install --upgrade -e '.[async,speed,testing]' --group async
	.venv-latest/bin/python tests/service_model.py
	.venv-latest/bin/pytest $(LEAN) --deselect tests/test_completeness.py::test_what_aws_has_we_have
	.venv-latest-async/bin/pytest -n 2 -m needs_aiobotocore $(ASYNC_TESTS)

bench: .venv-check/ready-$(VERSION) .venv-async/ready-$(VERSION) ## compare the cost with boto3 on a quiet machine; write docs/benchmarks.md
	.venv-check/bin/python benchmarks/bench.py

# Valgrind is a package of the operating system.
bench-instructions: .venv-check/ready-$(VERSION) ## count the instructions of reading jobs, which a loaded machine does not change
	.venv-check/bin/python benchmarks/instructions.py

fleet: .venv-check/ready-$(VERSION) ## sweep 2,000 targets on threads, processes and a Dask cluster
	DRS_JOBS_ACCOUNTS=500 .venv-check/bin/pytest tests/test_sweep.py -k every_target --durations=0

coverage: .venv-check/ready-$(VERSION) .venv-aws-cli/ready-$(VERSION) $(NODE_MODULES) ## print the lines and branches that no test runs
	DRS_JOBS_AWS_CLI=.venv-aws-cli/bin/aws .venv-check/bin/coverage run -m pytest
	.venv-check/bin/coverage report

soak: .venv/ready-$(VERSION) ## run ten thousand schedules of faults, and ten minutes of fuzzing
	.venv/bin/python tests/soak.py 10000 10

mutants: .venv-check/ready-$(VERSION) .venv-async/ready-$(VERSION) ## run mutation tests of the core, which takes almost an hour
	.venv-check/bin/python tests/mutants.py

LOCK = .venv-check/bin/uv pip compile -q --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate
LOCK_EXTRAS = --extra cli --extra notebook --extra report --extra speed --extra testing
# What test.txt has is not repeated in check.txt.
lock: .venv-check/ready-$(VERSION) ## lock the newest versions in requirements
	$(LOCK) pyproject.toml $(LOCK_EXTRAS) --group test -o requirements/test.txt
	$(LOCK) pyproject.toml $(LOCK_EXTRAS) --group check -c requirements/test.txt -o requirements/check.txt \
	  $$(sed -n 's/^\([a-z0-9-]*\)==.*/--no-emit-package \1/p' requirements/test.txt)
	$(LOCK) pyproject.toml --all-extras --group test --resolution lowest-direct -o requirements/lowest.txt
	$(LOCK) pyproject.toml --extra async --extra speed --extra testing --group async -o requirements/async.txt
	$(LOCK) --group aws-cli -o requirements/aws-cli.txt
	$(if $(NODE_MODULES),cd tests/javascript && npm install --silent --package-lock-only --save-exact @aws-sdk/client-drs@latest axe-core@latest && node strip_lock.mjs)

clean: ## delete everything that these commands created
	rm -rf .venv .venv-* build dist docs/_build .hypothesis .mypy_cache .pytest_cache .ruff_cache .coverage tests/javascript/node_modules

# One environment per file of locked requirements, and the package without its dependencies. AWS's command line does not need the
# package.
define SET_UP
@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
  { echo "drs_jobs needs Python 3.11 or later: make PYTHON=python3.11 $(firstword $(MAKECMDGOALS))" >&2; exit 1; }
@$(PYTHON) -m venv --clear $(@D) >/dev/null 2>&1 || { echo "this Python cannot create virtual environments: install its venv module (Debian: apt-get install python3-venv)" >&2; exit 1; }
@echo "setting up $(@D) from $^ for Python $(VERSION)"
@$(@D)/bin/$(PIP) install --require-hashes $(addprefix -r ,$^)
@$(if $(filter .venv-aws-cli,$(@D)),,$(@D)/bin/$(PIP) install --no-deps --no-build-isolation -e .)
@touch $@
endef
.venv/ready-$(VERSION): requirements/test.txt
	$(SET_UP)
.venv-check/ready-$(VERSION): requirements/test.txt requirements/check.txt
	$(SET_UP)
.venv-%/ready-$(VERSION): requirements/%.txt
	$(SET_UP)

tests/javascript/node_modules/ready: tests/javascript/package-lock.json
	@echo "setting up $(@D) from $<"
	@cd $(<D) && npm ci --silent
	@touch $@
