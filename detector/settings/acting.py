"""Settings of what may be done about an alarm: the decider's budgets and the executor."""

import ipaddress
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from detector.core.vocabulary import Mode
from detector.decisions.budgets import BucketLimits, CapacityLimits
from detector.decisions.config import BOUNDS, DecideConfig
from detector.settings.base import OptionalFile, Relation, Section, SplitAtCommas, refuse

_LIMITS = DecideConfig()


def _limit(name: str) -> Any:
    """Describe a setting that is one of the decider's limits: default and bounds are its own."""
    low, high = BOUNDS[name]
    return Field(default=getattr(_LIMITS, name), ge=low, le=high)


class BudgetsSection(Section):
    """Every limit that an action must pass; each refusal names the limit that said no."""

    fleet_bucket_capacity: float = Field(default=_LIMITS.fleet_bucket.capacity, ge=0, le=1000)
    """Actions that one service's fleet may take at once before its token bucket is empty."""
    fleet_bucket_refill_seconds: float = Field(
        default=round(1 / _LIMITS.fleet_bucket.refill_per_second, 6), ge=1, le=86_400
    )
    """Seconds until one token comes back to a fleet's bucket."""
    global_bucket_capacity: float = Field(default=_LIMITS.global_bucket.capacity, ge=0, le=1000)
    """Actions that all fleets together may take at once."""
    global_bucket_refill_seconds: float = Field(
        default=round(1 / _LIMITS.global_bucket.refill_per_second, 6), ge=1, le=86_400
    )
    """Seconds until one token comes back to the global bucket."""
    capacity_fraction: float = Field(default=_LIMITS.capacity.fraction, ge=0, le=0.5)
    """Part of a fleet's hosts, 0 to 1, that may be removed in a window; at least one, 0 forbids."""
    capacity_window_seconds: float = Field(
        default=_LIMITS.capacity.window_seconds, ge=60, le=604_800
    )
    """Length in seconds of the rolling window of removed hosts."""
    healthy_floor: float = _limit("healthy_floor")
    """Part of a fleet's hosts, 0 to 1, that must be left healthy after a host is removed."""
    shift_floor: float = _limit("shift_floor")
    """Part of a fleet's hosts, 0 to 1, that must serve while a zone is away."""
    too_many_sick_fraction: float = _limit("too_many_sick_fraction")
    """Part of a fleet's hosts, 0 to 1, above which the cause is shared and hosts are left alone."""
    too_many_sick_hosts: int = _limit("too_many_sick_hosts")
    """Suspect hosts up to which even a small fleet is not too sick to act."""
    shift_seconds: float = _limit("shift_seconds")
    """Seconds that a zone stays away before its shift expires."""
    action_expires_seconds: float = _limit("action_expires_seconds")
    """Seconds after which an executor must not carry out an action any more."""
    cool_down_seconds: float = _limit("cool_down_seconds")
    """Seconds without actions after too many hosts were sick."""
    evidence_max_age_seconds: float = _limit("evidence_max_age_seconds")
    """Oldest evidence, in seconds since the end of its window, on which an action may rest."""
    repeat_after_seconds: float = _limit("repeat_after_seconds")
    """Seconds in which one target is not acted upon twice."""
    reconsider_seconds: float = _limit("reconsider_seconds")
    """Seconds between looks at what was refused and may be granted by now."""
    min_zones: int = _limit("min_zones")
    """Zones that a service must have before one of them may be shifted away."""
    max_rulings: int = _limit("max_rulings")
    """Most decisions of one round; they must fit into one record."""
    max_standing: int = _limit("max_standing")
    """Most alarms that are remembered between rounds; they must fit into one record."""

    def config(self, mode: Mode) -> DecideConfig:
        """Return the limits as the decider takes them."""
        own = self.model_dump(
            exclude={
                "fleet_bucket_capacity",
                "fleet_bucket_refill_seconds",
                "global_bucket_capacity",
                "global_bucket_refill_seconds",
                "capacity_fraction",
                "capacity_window_seconds",
            }
        )
        return DecideConfig(
            mode=mode,
            fleet_bucket=BucketLimits(
                self.fleet_bucket_capacity, 1 / self.fleet_bucket_refill_seconds
            ),
            global_bucket=BucketLimits(
                self.global_bucket_capacity, 1 / self.global_bucket_refill_seconds
            ),
            capacity=CapacityLimits(self.capacity_fraction, self.capacity_window_seconds),
            **own,
        )


class ActuatorSection(Section):
    """The executor, its own limits, and the webhook that it may call."""

    executor: Literal["dry-run", "webhook"] = "dry-run"
    """What carries out an action: `dry-run` only records it, `webhook` posts it."""
    webhook_url: str = Field(default="", max_length=2000)
    """Address that actions are posted to, http or https; required by the webhook executor."""
    webhook_secret_file: OptionalFile = None
    """File that holds the secret which signs the posts; required by the webhook executor."""
    webhook_timeout_seconds: float = Field(default=10.0, gt=0, le=300)
    """Seconds until one attempt to post is given up."""
    webhook_retries: int = Field(default=3, ge=0, le=20)
    """Attempts after the first one that failed."""
    webhook_allowed_networks: Annotated[tuple[str, ...], SplitAtCommas, Field(max_length=50)] = ()
    """Networks that are not public and may be posted to all the same: `10.0.0.0/8`."""
    local_bucket_capacity: float = Field(default=4.0, ge=0, le=1000)
    """Actions that this process may carry out at once, whatever the decider said."""
    local_bucket_refill_seconds: float = Field(default=300.0, ge=1, le=86_400)
    """Seconds until one token comes back to the local bucket."""

    @model_validator(mode="after")
    def _webhook_is_complete(self) -> Self:
        broken = []
        if self.executor == "webhook" and not self.webhook_url:
            expected = "an http or https address, because executor is 'webhook'"
            broken.append(Relation("webhook_url", self.webhook_url, expected))
        if self.executor == "webhook" and self.webhook_secret_file is None:
            expected = "the path of a file, because executor is 'webhook'"
            broken.append(Relation("webhook_secret_file", "", expected))
        refuse(broken)
        return self

    @field_validator("webhook_allowed_networks")
    @classmethod
    def _are_networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for text in value:
            try:
                ipaddress.ip_network(text)
            except ValueError:
                refuse([Relation("", text, "networks such as 10.0.0.0/8")])
        return value

    @field_validator("webhook_url")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        parts = urlsplit(value)
        if value and not (parts.scheme in {"http", "https"} and parts.hostname):
            refuse([Relation("", value, "an http or https address")])
        return value
