"""Holds public records to their JSON Schema, whatever wrote them."""

import json
from pathlib import Path
from typing import Any

import jsonschema

_PLACE = Path(__file__).resolve().parents[2] / "deploy" / "schemas"


def _schemas() -> dict[str | int, dict[str, Any]]:
    found = {}
    for path in sorted(_PLACE.glob("*.schema.json")):
        schema = json.loads(path.read_text())
        definition = schema["$defs"][schema["$ref"].rpartition("/")[2]]
        found[definition["properties"]["schema"]["const"]] = schema
    return found


SCHEMA_BY_ID = _schemas()
"""Schemas by what the member ``schema`` of their records says."""

_VALIDATORS = {
    name: jsonschema.Draft202012Validator(schema) for name, schema in SCHEMA_BY_ID.items()
}


def invalid(raw: bytes) -> list[str]:
    """Return what is wrong with a record; a record without a schema of ours is wrong."""
    record = json.loads(raw)
    validator = _VALIDATORS.get(record.get("schema"))
    if validator is None:
        return [f"schema {record.get('schema')!r} is unknown"]
    return [
        f"{record['schema']} {'/'.join(map(str, error.absolute_path))}: {error.message}"
        for error in validator.iter_errors(record)
    ]
