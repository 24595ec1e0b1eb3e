"""botocore's service model of DRS: its operations, shapes and regions."""

import difflib
import functools
import os
import re
from typing import Any

import botocore.session
from botocore import xform_name
from botocore.loaders import Loader, create_loader
from botocore.model import ServiceModel


@functools.cache
def _loader() -> Loader:
    """Return the loader of botocore's data files, which keeps what it has read."""
    return create_loader()


def session_without_configuration() -> botocore.session.Session:
    """Return a botocore session that ignores the shared AWS configuration and the profile variables of the environment."""
    no_file = (None, None, os.devnull, None)
    session_vars = {"profile": (None, None, None, None), "config_file": no_file, "credentials_file": no_file}
    session = botocore.session.Session(session_vars=session_vars)
    session.register_component("data_loader", _loader())
    return session


@functools.cache
def service_model() -> ServiceModel:
    """Return botocore's service model of DRS."""
    return session_without_configuration().get_service_model("drs")


@functools.cache
def regions() -> frozenset[str]:
    """Return the regions that have DRS according to botocore, in all partitions."""
    session = session_without_configuration()
    return frozenset(
        region
        for partition in session.get_available_partitions()
        for region in session.get_available_regions("drs", partition_name=partition)
    )


@functools.cache
def partition_of(region: str) -> str:
    """Return the AWS partition of a region, such as `aws`."""
    partition: str = session_without_configuration().get_partition_for_region(region)
    return partition


def input_shape(operation: str) -> Any:
    """Return the shape of the members of a request; `None` if it has none."""
    return service_model().operation_model(operation).input_shape


def require_operation(operation: str) -> None:
    """Raise ValueError if the service model has no such operation.

    Raises:
        ValueError: With the closest name, which is AWS's, such as `DescribeJobs`.
    """
    names = service_model().operation_names
    if operation not in names:
        # boto3's name of a method is the most likely mistake.
        by_method = {xform_name(name): name for name in names}
        closest = by_method.get(operation) or difflib.get_close_matches(operation, names, 1, cutoff=0)[0]
        raise ValueError(f"botocore's model of DRS has no operation {operation!r}: did you mean {closest}?")


def region_problem(region: str) -> str | None:
    """Return why a region cannot be used, and what to do; `None` if botocore has DRS in it."""
    if region in regions():
        return None
    closest = difflib.get_close_matches(region, sorted(regions()), 1, cutoff=0)[0]
    return f"botocore has no DRS in region {region!r}: did you mean {closest}? For a new region, upgrade botocore"


def account_problem(account_id: object) -> str | None:
    """Return why a value is not an account id; `None` if it is one."""
    is_valid = isinstance(account_id, str) and re.fullmatch(r"[0-9]{12}", account_id)
    return None if is_valid else f"an account id is a str of 12 digits, unlike {account_id!r}"
