"""Managed rules: templates from which a contributor rule is made for one service.

A resource is a service, with an ARN of our own form: ``arn:detector:fleet:::service/<name>``. Of an
ARN only ``arn``, ``fleet`` and the last part are checked. The fields of a rule are the first names
of the field mapping.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from detector.logs.fields import FieldMapping

_NAME_CHARACTERS = 128
_DIGEST_DIGITS = 8
_RESOURCE = re.compile(r"arn:[^:]*:fleet:[^:]*:[^:]*:service/([ -~]{1,200})")


@dataclass(frozen=True, slots=True)
class RuleTemplate:
    """One template: which contributors of a service are ranked, and by what.

    ``keys`` and ``summed`` are members of the field mapping; ``summed`` is "" to count requests.
    """

    name: str
    keys: tuple[str, ...]
    summed: str = ""


TEMPLATES = {
    template.name: template
    for template in (
        RuleTemplate("Service-FaultsByHost-v1", ("host",), "fault"),
        RuleTemplate("Service-FaultsByZone-v1", ("zone_id",), "fault"),
        RuleTemplate("Service-FaultsByCaller-v1", ("caller",), "fault"),
        RuleTemplate("Service-RequestsByHost-v1", ("host",)),
        RuleTemplate("Service-RequestsByCaller-v1", ("caller",)),
    )
}
"""The shipped templates by name."""


def service_of(resource: str) -> str | None:
    """Return the service that an ARN names; ``None`` for anything else."""
    found = _RESOURCE.fullmatch(resource)
    return found[1] if found else None


def managed_name(template: RuleTemplate, service: str) -> str:
    """Return the name of a template's rule for a service: at most 128 characters."""
    name = f"{template.name}-{service}"
    if len(name) <= _NAME_CHARACTERS:
        return name
    digest = hashlib.sha256(service.encode()).hexdigest()[:_DIGEST_DIGITS]
    return f"{name[: _NAME_CHARACTERS - _DIGEST_DIGITS - 1]}-{digest}"


def managed_definition(template: RuleTemplate, service: str, fields: FieldMapping) -> str:
    """Return the rule's definition."""
    names: Mapping[str, tuple[str, ...]] = {
        "host": fields.host,
        "zone_id": fields.zone_id,
        "caller": fields.caller,
        "fault": fields.fault,
    }
    filters: list[dict[str, object]] = [{"Match": _path(fields.service), "In": [service]}]
    contribution: dict[str, object] = {"Keys": [_path(names[key]) for key in template.keys]}
    if template.summed:
        filters.append({"Match": _path(names[template.summed]), "GreaterThan": 0})
        contribution["ValueOf"] = _path(names[template.summed])
    return json.dumps(
        {
            "Schema": {"Name": "CloudWatchLogRule", "Version": 1},
            "LogGroupNames": ["*"],
            "LogFormat": "JSON",
            "Contribution": {**contribution, "Filters": filters},
            "AggregateOn": "Sum" if template.summed else "Count",
        }
    )


def _path(names: tuple[str, ...]) -> str:
    return f"$.{names[0].removeprefix('$.')}" if names else "$"
