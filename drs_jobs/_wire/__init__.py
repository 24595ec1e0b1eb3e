"""The only room that knows AWS's key names: raw dicts to attrs objects and back, by one table and one strict converter.

| room | what it holds |
|---|---|
| `names` | the table of names, which works both ways |
| `questions` | requests, and answers as pages of raw items |
| `converter` | raw items to attrs objects and back |
| `misfit` | what is told of a value that does not fit |
"""

from drs_jobs._wire.converter import structure, structure_job, structure_log_item, unstructure_job, unstructure_log_item
from drs_jobs._wire.names import METHODS, NAMES, SENSITIVE, UNION_TAGS
from drs_jobs._wire.questions import (
    job_id_of,
    jobs_request,
    log_item_id_of,
    log_request,
    page_request,
    query_text,
    read_page,
)

__all__ = [
    "METHODS",
    "NAMES",
    "SENSITIVE",
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
