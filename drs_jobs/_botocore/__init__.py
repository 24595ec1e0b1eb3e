"""The only place that depends on the internals of botocore and aiobotocore.

| module | responsibility |
|---|---|
| `calls` | the calls of drs_jobs, whose responses it decodes itself |
| `error_bodies` | responses with an error status, changed so that botocore can parse them |
| `signing` | the credentials with which a client signs |
| `asynchronous` | clients of aiobotocore: how they are built, and the errors of their HTTP sessions |
"""

from drs_jobs._botocore.calls import Call, is_asynchronous, method_name, region_and_endpoint, register_handlers

__all__ = ["Call", "is_asynchronous", "method_name", "region_and_endpoint", "register_handlers"]
