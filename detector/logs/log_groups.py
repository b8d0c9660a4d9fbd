"""How rules name log groups: by name, by prefix, or by ARN.

Theory of operation: the log group of an event is the ``_aws.LogGroupName`` of its record, else its
topic. If that is itself the ARN of a log group, partition, region, account and name must all match.
A plain name has no account, and a cluster of brokers is one account, so only the name in the rule's
ARN is compared with it.

Source: CloudWatch User Guide, "Contributor Insights rule syntax": ``*`` stands for a whole account
id, never for part of one, or at the end of a name for any suffix.
"""

import re
from dataclasses import dataclass

A_LOG_GROUP_ARN = (
    "arn:aws:logs:REGION:ACCOUNT:log-group:NAME with an account of 12 digits or *, "
    "and * in the name at its end or not at all"
)
_ARN = re.compile(
    r"arn:(aws[a-z-]*):logs:([a-z0-9-]+):([0-9]{12}|\*):log-group:([^:*]+\*?|\*)(?::\*)?"
)


@dataclass(frozen=True, slots=True)
class LogGroupArn:
    """The ARN of one or more log groups; ``place`` is the AWS region, such as ``us-east-1``.

    ``account`` may be ``*``, and ``name`` may end with ``*``.
    """

    partition: str
    place: str
    account: str
    name: str

    def covers(self, log_group: str) -> bool:
        """Say whether this ARN covers a log group, given by name or by ARN."""
        found = _ARN.fullmatch(log_group)
        if found is None:
            return fits(log_group, self.name)
        partition, place, account, name = found.groups()
        same = (partition, place) == (self.partition, self.place)
        return same and self.account in {"*", account} and fits(name, self.name)

    def __str__(self) -> str:
        return f"arn:{self.partition}:logs:{self.place}:{self.account}:log-group:{self.name}"


def parse_arn(text: str) -> LogGroupArn | None:
    """Parse the ARN of a log group, ``None`` for anything else.

    The ``:*`` that CloudWatch Logs appends to some ARNs stands for the group's streams and is
    dropped.
    """
    found = _ARN.fullmatch(text)
    return None if found is None else LogGroupArn(*found.groups())


def fits(log_group: str, name: str) -> bool:
    """Say whether ``name`` matches ``log_group``; a trailing ``*`` matches any suffix."""
    if name.endswith("*"):
        return log_group.startswith(name[:-1])
    return log_group == name
