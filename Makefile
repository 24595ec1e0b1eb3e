# Every command sets up what it needs itself. `make demo` and `make test` are all that a newcomer has to know.
PYTHON ?= python3
LOCK = .venv/bin/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate

.PHONY: help demo test check test-lowest test-wheel test-aws-cli wheel typing latest bench fleet coverage soak mutants docs lock clean

help:
	@echo "make demo         see typed jobs that came over HTTP, without an AWS account"
	@echo "make test         run the tests"
	@echo "make check        lint, types, the tests on the built wheel and on the lowest versions"
	@echo "make latest       the tests on the newest versions; warns of what AWS added to the service model"
	@echo "make bench        what drs_jobs costs beside boto3; make fleet: 2,000 accounts and regions"
	@echo "make coverage     which branches the tests take"
	@echo "make soak         ten thousand schedules of faults, ten minutes of fuzzing"
	@echo "make mutants      mutation testing of the core: most of an hour"
	@echo "make docs         build the documentation into docs/_build/html"
	@echo "make lock         choose new locked versions"

demo: .venv-demo/ready
	@.venv-demo/bin/drs-jobs demo

test: .venv/ready
	.venv/bin/pytest -n 2

check: .venv/ready typing test-wheel test-lowest test-aws-cli docs
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/pyright

# What a user's own type checker says, with each kind of boto3 client.
typing: wheel .venv-demo/ready
	.venv/bin/python tests/typing/check.py

test-wheel: wheel
	.venv-wheel/bin/pytest -n 2

wheel: .venv/ready .venv-wheel/ready
	rm -rf dist
	.venv/bin/hatchling build -t wheel
	.venv-wheel/bin/pip install -qq --no-deps --force-reinstall dist/*.whl

test-lowest: .venv-lowest/ready
	.venv-lowest/bin/pytest -n 2

# AWS's own command line pins its own botocore, so it has an environment of its own.
test-aws-cli: .venv/ready .venv-aws-cli/ready
	DRS_JOBS_AWS_CLI=.venv-aws-cli/bin/aws .venv/bin/pytest tests/test_aws_command_line.py

# Whatever is newest, so not locked.
latest: .venv/ready
	@.venv/bin/uv venv -q --clear .venv-latest
	@.venv/bin/uv pip install -q --python .venv-latest --upgrade -e '.[cli,testing]' --group test
	.venv-latest/bin/python tests/service_model.py
	.venv-latest/bin/pytest --deselect tests/test_completeness.py::test_what_aws_has_we_have

# What drs_jobs costs beside boto3, on a quiet machine; writes docs/benchmarks.md.
bench: .venv/ready
	.venv/bin/python benchmarks/bench.py

# 2,000 targets on threads, on processes and on a Dask cluster.
fleet: .venv/ready
	DRS_JOBS_ACCOUNTS=500 .venv/bin/pytest tests/test_fleet.py -k every_target --durations=0

coverage: .venv/ready
	.venv/bin/coverage run -m pytest
	.venv/bin/coverage report

soak: .venv/ready
	.venv/bin/python tests/soak.py 10000 10

mutants: .venv-mutants/ready
	.venv-mutants/bin/python tests/mutants.py

docs: .venv/ready
	.venv/bin/sphinx-build -q -W --keep-going -b html docs docs/_build/html

# An environment of its own for each list of locked requirements; the package itself comes on top, without dependencies.
.venv-demo/ready: REQUIREMENTS = requirements/demo.txt
.venv-demo/ready: requirements/demo.txt
.venv/ready: REQUIREMENTS = requirements/dev.txt
.venv/ready: requirements/dev.txt
.venv-wheel/ready: REQUIREMENTS = requirements/dev.txt
.venv-wheel/ready: requirements/dev.txt
.venv-lowest/ready: REQUIREMENTS = requirements/lowest.txt
.venv-lowest/ready: requirements/lowest.txt
.venv-mutants/ready: REQUIREMENTS = requirements/mutants.txt
.venv-mutants/ready: requirements/mutants.txt
.venv-aws-cli/ready: REQUIREMENTS = requirements/aws-cli.txt
.venv-aws-cli/ready: requirements/aws-cli.txt
.venv/ready .venv-demo/ready .venv-wheel/ready .venv-lowest/ready .venv-mutants/ready .venv-aws-cli/ready:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
	  { echo "drs_jobs needs Python 3.11 or later: make PYTHON=python3.11 $(firstword $(MAKECMDGOALS))" >&2; exit 1; }
	@$(PYTHON) -m venv --clear $(@D) >/dev/null 2>&1 || { echo "Python can't make virtual environments here: install its venv module (Debian: apt-get install python3-venv)" >&2; exit 1; }
	@echo "setting up $(@D) from $(REQUIREMENTS)"
	@$(@D)/bin/pip install -qq --disable-pip-version-check --require-hashes -r $(REQUIREMENTS)
	@test $(@D) = .venv-aws-cli || $(@D)/bin/pip install -qq --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

lock: .venv/ready
	$(LOCK) pyproject.toml --upgrade --extra cli --extra testing --group build -o requirements/demo.txt
	$(LOCK) pyproject.toml --upgrade --extra cli --extra testing --extra notebook --group dev -o requirements/dev.txt
	$(LOCK) pyproject.toml --upgrade --extra cli --extra testing --extra notebook --group test --group build --resolution lowest-direct -o requirements/lowest.txt
	$(LOCK) pyproject.toml --upgrade --extra cli --extra testing --group test --group mutants --group build -o requirements/mutants.txt
	$(LOCK) --upgrade --group aws-cli -o requirements/aws-cli.txt

clean:
	rm -rf .venv .venv-* build dist docs/_build .hypothesis .mypy_cache .pytest_cache .ruff_cache .coverage
