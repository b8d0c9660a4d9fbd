"""Log groups by name, prefix and ARN."""

import pytest

from detector.logs.log_groups import LogGroupArn, fits, parse_arn

ARN = "arn:aws:logs:us-east-1:123456789012:log-group:/shop/api"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (ARN, LogGroupArn("aws", "us-east-1", "123456789012", "/shop/api")),
        (f"{ARN}:*", LogGroupArn("aws", "us-east-1", "123456789012", "/shop/api")),
        (f"{ARN}*", LogGroupArn("aws", "us-east-1", "123456789012", "/shop/api*")),
        (
            "arn:aws-cn:logs:cn-north-1:*:log-group:*",
            LogGroupArn("aws-cn", "cn-north-1", "*", "*"),
        ),
        ("arn:aws:logs:us-east-1:12345678901*:log-group:a", None),
        ("arn:aws:logs:us-east-1:12345678901:log-group:a", None),
        ("arn:aws:logs:us-east-1:*:log-group:", None),
        ("arn:aws:logs:us-east-1:*:log-group:a*b", None),
        ("arn:aws:logs:*:123456789012:log-group:a", None),
        ("arn:aws:logs:us-east-1:123456789012:destination:a", None),
        ("/shop/api", None),
        ("", None),
    ],
)
def test_an_arn_has_a_whole_account_or_none_and_a_star_at_the_end_of_its_name(
    text: str, expected: LogGroupArn | None
) -> None:
    assert expected == parse_arn(text)


def test_an_arn_is_written_as_it_is_read() -> None:
    assert parse_arn(ARN) == parse_arn(str(parse_arn(ARN)))
    assert str(parse_arn(f"{ARN}:*")) == ARN


@pytest.mark.parametrize(
    ("account", "name", "log_group", "covered"),
    [
        ("123456789012", "/shop/api", "/shop/api", True),
        ("123456789012", "/shop/*", "/shop/api", True),
        ("123456789012", "/shop/api", "/shop", False),
        ("123456789012", "/shop/api", ARN, True),
        ("*", "/shop/*", ARN, True),
        ("*", "*", f"{ARN}:*", True),
        ("210987654321", "/shop/api", ARN, False),
        ("*", "/Shop/*", ARN, False),
        ("*", "/shop/api", ARN.replace("us-east-1", "us-east-2"), False),
        ("*", "/shop/api", ARN.replace("arn:aws:", "arn:aws-cn:"), False),
    ],
)
def test_a_group_known_by_its_arn_must_fit_in_everything_and_a_name_by_name(
    account: str, name: str, log_group: str, covered: bool
) -> None:
    assert covered is LogGroupArn("aws", "us-east-1", account, name).covers(log_group)


def test_a_trailing_star_is_any_rest() -> None:
    assert [True, True, False, True] == [
        fits("/shop/api", name) for name in ("/shop/api", "/shop/*", "/shop", "*")
    ]
