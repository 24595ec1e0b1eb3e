"""Conversion between AWS's JSON and the data classes. It is the only subpackage with AWS's key names.

| module | responsibility |
|---|---|
| `names` | the table of names, for both directions |
| `requests` | requests, and the text that identifies a query |
| `responses` | responses as pages of raw items |
| `source_servers` | host names of source servers, for the command line only |
| `converter`, `unstructuring` | conversion of raw items to attrs objects, and back |
| `errors` | errors for values that do not match the schema |
"""

from drs_jobs._wire.converter import structure, structure_job, structure_log_item, unstructure_job, unstructure_log_item
from drs_jobs._wire.names import METHODS, NAMES, UNION_TAGS
from drs_jobs._wire.requests import jobs_request, log_request, page_request, query_text
from drs_jobs._wire.responses import job_id_of, log_item_id_of, read_page

__all__ = [
    "METHODS",
    "NAMES",
    "UNION_TAGS",
    "job_id_of",
    "jobs_request",
    "log_item_id_of",
    "log_request",
    "page_request",
    "query_text",
    "read_page",
    "structure",
    "structure_job",
    "structure_log_item",
    "unstructure_job",
    "unstructure_log_item",
]
