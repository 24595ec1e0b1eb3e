"""All that knows AWS's names, the JSON of DRS, or the internals of botocore."""
