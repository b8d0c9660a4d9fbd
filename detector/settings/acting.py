"""Settings of actions: the decider's budgets and the executor."""

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
    """Return the field of a setting with the default and bounds of a limit of the decider."""
    low, high = BOUNDS[name]
    return Field(default=getattr(_LIMITS, name), ge=low, le=high)


class BudgetsSection(Section):
    """Limits that an action must pass; each refusal names its limit."""

    fleet_bucket_capacity: float = Field(default=_LIMITS.fleet_bucket.capacity, ge=0, le=1000)
    """Actions allowed at once for one service's fleet: the capacity of its token bucket."""
    fleet_bucket_refill_seconds: float = Field(
        default=round(1 / _LIMITS.fleet_bucket.refill_per_second, 6), ge=1, le=86_400
    )
    """Seconds until a fleet's bucket gains one token."""
    global_bucket_capacity: float = Field(default=_LIMITS.global_bucket.capacity, ge=0, le=1000)
    """Actions allowed at once for all fleets together."""
    global_bucket_refill_seconds: float = Field(
        default=round(1 / _LIMITS.global_bucket.refill_per_second, 6), ge=1, le=86_400
    )
    """Seconds until the global bucket gains one token."""
    capacity_fraction: float = Field(default=_LIMITS.capacity.fraction, ge=0, le=0.5)
    """Fraction of a fleet's hosts that may be removed per window; at least one host, 0 forbids."""
    capacity_window_seconds: float = Field(
        default=_LIMITS.capacity.window_seconds, ge=60, le=604_800
    )
    """Length in seconds of the rolling window in which removed hosts are counted."""
    healthy_floor: float = _limit("healthy_floor")
    """Fraction of a fleet's hosts that must remain healthy after a host is removed."""
    shift_floor: float = _limit("shift_floor")
    """Fraction of a fleet's hosts that must serve while a zone is away."""
    too_many_sick_fraction: float = _limit("too_many_sick_fraction")
    """Fraction of sick hosts above which the cause is shared and no host is acted upon."""
    too_many_sick_hosts: int = _limit("too_many_sick_hosts")
    """Number of sick hosts that is never too many, however small the fleet."""
    shift_seconds: float = _limit("shift_seconds")
    """Seconds after which a shift away from a zone expires."""
    action_expires_seconds: float = _limit("action_expires_seconds")
    """Seconds after which an executor must no longer execute an action."""
    cool_down_seconds: float = _limit("cool_down_seconds")
    """Seconds without actions after too many hosts were sick."""
    evidence_max_age_seconds: float = _limit("evidence_max_age_seconds")
    """Maximum age of the evidence for an action, in seconds since the end of its window."""
    repeat_after_seconds: float = _limit("repeat_after_seconds")
    """Seconds within which a target is not acted upon twice."""
    reconsider_seconds: float = _limit("reconsider_seconds")
    """Seconds between checks of refused actions that may be granted by now."""
    min_zones: int = _limit("min_zones")
    """Zones that a service must have before one of them may be shifted away."""
    max_rulings: int = _limit("max_rulings")
    """Maximum decisions per cycle; they must fit into one record."""
    max_standing: int = _limit("max_standing")
    """Maximum alarms kept between cycles; they must fit into one record."""

    def config(self, mode: Mode) -> DecideConfig:
        """Return the decider's configuration."""
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
    """The executor, its limits, and the webhook that it may call."""

    executor: Literal["dry-run", "webhook"] = "dry-run"
    """What executes an action: `dry-run` only records it, `webhook` posts it."""
    webhook_url: str = Field(default="", max_length=2000)
    """URL that actions are posted to, http or https; required by the webhook executor."""
    webhook_secret_file: OptionalFile = None
    """File with the secret that signs the posts; required by the webhook executor."""
    webhook_timeout_seconds: float = Field(default=10.0, gt=0, le=300)
    """Timeout of one attempt to post, in seconds."""
    webhook_retries: int = Field(default=3, ge=0, le=20)
    """Maximum retries after the first attempt."""
    webhook_allowed_networks: Annotated[tuple[str, ...], SplitAtCommas, Field(max_length=50)] = ()
    """Networks that may be posted to although they are not public: `10.0.0.0/8`."""
    local_bucket_capacity: float = Field(default=4.0, ge=0, le=1000)
    """Actions that this process may execute at once, whatever the decider granted."""
    local_bucket_refill_seconds: float = Field(default=300.0, ge=1, le=86_400)
    """Seconds until the local bucket gains one token."""

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
