"""All that knows AWS's names, the JSON of DRS, or the internals of botocore.

| module | responsibility |
|---|---|
| `field_names` | the table of AWS's names, for both directions |
| `requests` | requests, and the text that identifies a query |
| `responses` | response bodies as pages of raw items |
| `structure`, `unstructure` | raw items as typed objects, and back |
| `schema_error` | the error for a value that does not match the schema |
| `source_servers` | host names of source servers |
| `calls` | the calls of drs_jobs, whose responses it decodes itself |
| `error_bodies` | responses with an error status, changed so that botocore can parse them |
| `async_clients` | clients of aiobotocore |
"""
