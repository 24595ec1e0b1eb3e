"""Host names of source servers, as callers give them."""

from collections.abc import Mapping
from typing import cast

from drs_jobs._text import one_line


def host_names(names: object) -> Mapping[str, str]:
    """Return the names that are not blank, each as one line, by source server id; none for `None`.

    Raises:
        TypeError: If `names` does not map str to str.
    """
    if names is None:
        return {}
    if not isinstance(names, Mapping):
        raise TypeError(f"names must map source server ids to host names, not be a {type(names).__name__}")
    names_by_id: dict[str, str] = {}
    for server_id, name in cast("Mapping[object, object]", names).items():
        if not isinstance(server_id, str) or not isinstance(name, str):
            raise TypeError(f"names must map str to str, not {type(server_id).__name__} to {type(name).__name__}")
        if line := one_line(name, 100):
            names_by_id[server_id] = line
    return names_by_id
