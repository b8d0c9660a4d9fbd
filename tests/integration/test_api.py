"""boto3 and the AWS CLI, as they are installed, drive a detector that runs."""

import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.aws import PROTOCOLS, SECRET, client
from tests.support.serving import SICK_HOST, Served, aws, last_minutes, url_of
from tests.support.tansu import EmbeddedBroker
from tests.support.waiting import wait_for

pytestmark = [pytest.mark.embedded, pytest.mark.slow]

RULE = "faults-by-host"
OWNED = f'INSIGHT_RULE_METRIC("{RULE}","MaxContributorValue") / INSIGHT_RULE_METRIC("{RULE}","Sum")'
TALK = f"{OWNED} > 0.66"
"""The expression of the talk, as written."""
SERVICE = [{"Name": "Service", "Value": "checkout"}]


@pytest.fixture(scope="module")
def served(
    broker_tansu: EmbeddedBroker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    """One detector with its API for all tests that only ask, or that clean up after them."""
    prefix = f"t{uuid.uuid4().hex[:10]}."
    with Served(broker_tansu.bootstrap, prefix, tmp_path_factory.mktemp("served")) as found:
        yield found


def contributors(cloudwatch: Any, rule: str = RULE) -> list[dict[str, Any]]:
    report = cloudwatch.get_insight_rule_report(RuleName=rule, Period=10, **last_minutes())
    found: list[dict[str, Any]] = report["Contributors"]
    return found


@pytest.mark.parametrize("protocol", ["", *PROTOCOLS])
def test_a_report_names_the_host_that_is_gray(served: Served, protocol: str) -> None:
    cloudwatch = served.boto3(protocol)
    found = wait_for(lambda: contributors(cloudwatch), what="a contributor")
    assert [[SICK_HOST]] == [each["Keys"] for each in found]
    metrics = ["Sum", "SampleCount", "MaxContributorValue", "UniqueContributors", "Average"]
    report = cloudwatch.get_insight_rule_report(
        RuleName=RULE, Period=10, Metrics=metrics, MaxContributorCount=1, **last_minutes()
    )
    assert (["$.InstanceId"], "SUM", 1) == (
        report["KeyLabels"],
        report["AggregationStatistic"],
        report["ApproximateUniqueCount"],
    )
    [culprit] = report["Contributors"]
    points = [each["ApproximateValue"] for each in culprit["Datapoints"]]
    assert culprit["ApproximateAggregateValue"] == pytest.approx(sum(points))
    assert {"Timestamp", *metrics} == set(report["MetricDatapoints"][0])


def test_what_a_report_refuses_is_an_exception_of_the_client(served: Served) -> None:
    cloudwatch = served.boto3()
    with pytest.raises(cloudwatch.exceptions.ResourceNotFoundException, match="does not exist"):
        contributors(cloudwatch, "nobody")
    with pytest.raises(
        cloudwatch.exceptions.InvalidParameterValueException, match="Period is 86401"
    ):
        cloudwatch.get_insight_rule_report(RuleName=RULE, Period=86_401, **last_minutes())


def values(cloudwatch: Any, **one: Any) -> list[float]:
    pages = cloudwatch.get_paginator("get_metric_data").paginate(
        MetricDataQueries=[{"Id": "x", **one}],
        PaginationConfig={"PageSize": 3},
        **last_minutes(),
    )
    return [
        value for page in pages for each in page["MetricDataResults"] for value in each["Values"]
    ]


@pytest.mark.parametrize("protocol", ["", *PROTOCOLS])
def test_the_expression_of_the_talk_is_true_of_one_gray_host(served: Served, protocol: str) -> None:
    cloudwatch = served.boto3(protocol)
    wait_for(
        lambda: len(values(cloudwatch, Expression=TALK, Period=1)) > 3,
        what="more than one page of datapoints",
    )
    assert {1.0} == set(values(cloudwatch, Expression=TALK, Period=1))


def test_the_columns_of_the_fleet_are_metrics(served: Served) -> None:
    listed = wait_for(lambda: served.cli("list-metrics")["Metrics"], what="metrics")
    assert {"Detector/Fleet"} == {each["Namespace"] for each in listed}
    assert {"Requests", "Faults", "Hosts"} < {each["MetricName"] for each in listed}
    cloudwatch = served.boto3()
    metric = {"Namespace": "Detector/Fleet", "MetricName": "Requests", "Dimensions": SERVICE}
    stat = {"Metric": metric, "Period": 1, "Stat": "Sum"}
    assert wait_for(lambda: values(cloudwatch, MetricStat=stat), what="requests")
    statistics = cloudwatch.get_metric_statistics(
        **metric, Period=60, Statistics=["Sum"], **last_minutes()
    )
    assert "Requests" == statistics["Label"]


def test_the_command_line_reads_reports_and_is_told_what_is_missing(served: Served) -> None:
    words = ["get-insight-rule-report", "--rule-name", RULE, "--period", "10"]
    for name, option in (("StartTime", "--start-time"), ("EndTime", "--end-time")):
        words += [option, last_minutes()[name].isoformat()]
    report = wait_for(lambda: (found := served.cli(*words))["Contributors"] and found, what="one")
    assert SICK_HOST == report["Contributors"][0]["Keys"][0]
    done = aws(served.url, "put-dashboard", "--dashboard-name", "d", "--dashboard-body", "{}")
    assert 0 != done.returncode
    assert "PutDashboard is an operation of CloudWatch that this detector does not" in done.stderr


def states(cloudwatch: Any, prefix: str) -> dict[str, str]:
    pages = cloudwatch.get_paginator("describe_alarms").paginate(
        AlarmNamePrefix=prefix,
        AlarmTypes=["MetricAlarm", "CompositeAlarm"],
        PaginationConfig={"PageSize": 1},
    )
    return {
        each["AlarmName"]: each["StateValue"]
        for page in pages
        for each in (*page.get("MetricAlarms", ()), *page.get("CompositeAlarms", ()))
    }


def put_alarms(cloudwatch: Any, prefix: str) -> dict[str, str]:
    """Put the talk's alarm and two over it; return how they stand when they have settled."""
    cloudwatch.put_metric_alarm(
        AlarmName=f"{prefix}talk",
        Metrics=[{"Id": "e", "Expression": TALK, "Period": 10}],
        ComparisonOperator="GreaterThanThreshold",
        Threshold=0,
        EvaluationPeriods=2,
        DatapointsToAlarm=1,
        Tags=[{"Key": "team", "Value": "blue"}],
    )
    either = f'ALARM("{prefix}talk") AND NOT INSUFFICIENT_DATA("{prefix}talk")'
    cloudwatch.put_composite_alarm(AlarmName=f"{prefix}both", AlarmRule=either)
    least = f'AT_LEAST(1, OK, ("{prefix}talk", "{prefix}both"))'
    cloudwatch.put_composite_alarm(AlarmName=f"{prefix}quiet", AlarmRule=least)
    return {f"{prefix}talk": "ALARM", f"{prefix}both": "ALARM", f"{prefix}quiet": "OK"}


def test_alarms_are_put_stand_and_are_deleted_in_every_protocol(served: Served) -> None:
    settled: dict[str, dict[str, str]] = {}
    for protocol in ("", *PROTOCOLS):
        prefix = f"a{uuid.uuid4().hex[:8]}-"
        settled[prefix] = put_alarms(served.boto3(protocol), prefix)
    for (prefix, expected), protocol in zip(settled.items(), ("", *PROTOCOLS), strict=True):
        cloudwatch = served.boto3(protocol)
        wait_settled(cloudwatch, prefix, expected)
        look_at_and_delete(cloudwatch, prefix)


def wait_settled(cloudwatch: Any, prefix: str, settled: dict[str, str]) -> None:
    wait_for(lambda: settled == states(cloudwatch, prefix), what="alarms", every=1)


def look_at_and_delete(cloudwatch: Any, prefix: str) -> None:
    name = f"{prefix}talk"
    pages = cloudwatch.get_paginator("describe_alarm_history").paginate(
        AlarmName=name, PaginationConfig={"PageSize": 1}
    )
    items = [item["HistoryItemType"] for page in pages for item in page["AlarmHistoryItems"]]
    assert {"ConfigurationUpdate", "StateUpdate"} <= set(items)

    cloudwatch.disable_alarm_actions(AlarmNames=[name])
    [shown] = cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"]
    assert (False, TALK) == (shown["ActionsEnabled"], shown["Metrics"][0]["Expression"])
    cloudwatch.enable_alarm_actions(AlarmNames=[name])
    arn = shown["AlarmArn"]
    cloudwatch.tag_resource(ResourceARN=arn, Tags=[{"Key": "tier", "Value": "1"}])
    cloudwatch.untag_resource(ResourceARN=arn, TagKeys=["team"])
    tags = cloudwatch.list_tags_for_resource(ResourceARN=arn)["Tags"]
    assert [{"Key": "tier", "Value": "1"}] == tags

    cloudwatch.set_alarm_state(AlarmName=name, StateValue="OK", StateReason="a drill")
    with pytest.raises(cloudwatch.exceptions.ResourceNotFound):
        cloudwatch.set_alarm_state(AlarmName=prefix, StateValue="OK", StateReason="a drill")
    with pytest.raises(ClientError, match="ValidationError"):
        cloudwatch.put_composite_alarm(AlarmName=f"{prefix}bad", AlarmRule="ALARM(")
    cloudwatch.delete_alarms(AlarmNames=[f"{prefix}quiet"])
    cloudwatch.delete_alarms(AlarmNames=[f"{prefix}both"])
    cloudwatch.delete_alarms(AlarmNames=[name])
    assert {} == states(cloudwatch, prefix)


def test_alarms_and_mute_rules_from_the_command_line(served: Served) -> None:
    name = f"c{uuid.uuid4().hex[:8]}"
    served.cli(
        *("put-metric-alarm", "--alarm-name", name, "--namespace", "Detector/Fleet"),
        *("--metric-name", "Faults", "--dimensions", "Name=Service,Value=checkout"),
        *("--statistic", "Sum", "--period", "10", "--evaluation-periods", "1"),
        *("--threshold", "1e9", "--comparison-operator", "GreaterThanThreshold"),
    )
    wait_for(lambda: "OK" == states(served.boto3(), name).get(name), what="OK", every=1)
    found = served.cli(
        *("describe-alarms-for-metric", "--namespace", "Detector/Fleet"),
        *("--metric-name", "Faults", "--dimensions", "Name=Service,Value=checkout"),
    )
    assert name in [each["AlarmName"] for each in found["MetricAlarms"]]
    served.cli(
        *("put-alarm-mute-rule", "--name", name, "--mute-targets", f"AlarmNames={name}"),
        *("--rule", '{"Schedule": {"Expression": "cron(0 2 * * *)", "Duration": "PT2H"}}'),
    )
    rule = served.cli("get-alarm-mute-rule", "--alarm-mute-rule-name", name)
    assert [name] == rule["MuteTargets"]["AlarmNames"]
    listed = served.cli("list-alarm-mute-rules", "--page-size", "1")["AlarmMuteRuleSummaries"]
    assert any(each["AlarmMuteRuleArn"].endswith(name) for each in listed)
    served.cli("delete-alarm-mute-rule", "--alarm-mute-rule-name", name)
    served.cli("delete-alarms", "--alarm-names", name)
    assert {} == states(served.boto3(), name)


COUNTED = """{
  "Schema": {"Name": "CloudWatchLogRule", "Version": 1},
  "LogGroupNames": ["*"],
  "LogFormat": "JSON",
  "Contribution": {"Keys": ["$.InstanceId", "$.Service"], "Filters": []},
  "AggregateOn": "Count"
}"""


def names(cloudwatch: Any) -> list[str]:
    """Names of all rules, two to a page."""
    found: list[str] = []
    token: dict[str, str] = {}
    while True:
        page = cloudwatch.describe_insight_rules(MaxResults=2, **token)
        assert len(page["InsightRules"]) <= 2
        found += [each["Name"] for each in page["InsightRules"]]
        if "NextToken" not in page:
            return found
        token = {"NextToken": page["NextToken"]}


@pytest.mark.parametrize("protocol", ["", *PROTOCOLS])
def test_rules_are_put_count_and_are_deleted(served: Served, protocol: str) -> None:
    cloudwatch = served.boto3(protocol)
    rule = f"r{uuid.uuid4().hex[:8]}"
    cloudwatch.put_insight_rule(
        RuleName=rule, RuleDefinition=COUNTED, Tags=[{"Key": "team", "Value": "blue"}]
    )
    assert {rule, RULE} < set(names(cloudwatch))
    found = wait_for(lambda: contributors(cloudwatch, rule), what="its report", every=1)
    assert 2 == len(found[0]["Keys"])

    arn = f"arn:aws:cloudwatch:us-east-1:000000000000:insight-rule/{rule}"
    cloudwatch.tag_resource(ResourceARN=arn, Tags=[{"Key": "tier", "Value": "1"}])
    cloudwatch.untag_resource(ResourceARN=arn, TagKeys=["team"])
    tags = cloudwatch.list_tags_for_resource(ResourceARN=arn)["Tags"]
    assert [{"Key": "tier", "Value": "1"}] == tags

    def state() -> str:
        page = cloudwatch.describe_insight_rules(MaxResults=500)
        [found] = [each["State"] for each in page["InsightRules"] if each["Name"] == rule]
        return str(found)

    failed = cloudwatch.disable_insight_rules(RuleNames=[rule, "nobody"])["Failures"]
    assert ("DISABLED", ["nobody"]) == (state(), [each["FailureResource"] for each in failed])
    assert [] == cloudwatch.enable_insight_rules(RuleNames=[rule])["Failures"]
    assert "ENABLED" == state()
    with pytest.raises(cloudwatch.exceptions.InvalidParameterValueException, match="AggregateOn"):
        cloudwatch.put_insight_rule(
            RuleName=rule, RuleDefinition=COUNTED.replace('"Count"', '"Mean"')
        )
    failed = cloudwatch.delete_insight_rules(RuleNames=["nobody", rule])["Failures"]
    assert ["nobody"] == [each["FailureResource"] for each in failed]
    assert rule not in names(cloudwatch)
    with pytest.raises(cloudwatch.exceptions.ResourceNotFoundException):
        contributors(cloudwatch, rule)


def test_rules_from_the_command_line(served: Served) -> None:
    rule = f"l{uuid.uuid4().hex[:8]}"
    served.cli("put-insight-rule", "--rule-name", rule, "--rule-definition", COUNTED)
    shown = served.cli("describe-insight-rules")["InsightRules"]
    assert rule in [each["Name"] for each in shown]
    failed = served.cli("delete-insight-rules", "--rule-names", rule, "nobody")["Failures"]
    assert ["nobody"] == [each["FailureResource"] for each in failed]


def test_an_alarm_per_contributor_names_the_host_that_is_gray(served: Served) -> None:
    cloudwatch = served.boto3()
    name = f"k{uuid.uuid4().hex[:8]}"
    share = f'insight_rule_contributor_share{{rule="{RULE}"}} > 0.66'
    cloudwatch.put_metric_alarm(
        AlarmName=name,
        EvaluationCriteria={"PromQLCriteria": {"Query": share}},
        EvaluationInterval=10,
    )

    def found() -> list[dict[str, str]]:
        answer = cloudwatch.describe_alarm_contributors(AlarmName=name)
        return [each["ContributorAttributes"] for each in answer["AlarmContributors"]]

    culprit = {"$.InstanceId": SICK_HOST}
    assert [culprit] == wait_for(found, what="a contributor", every=1)
    assert "ALARM" == states(cloudwatch, name)[name]
    cloudwatch.delete_alarms(AlarmNames=[name])


@pytest.mark.parametrize("protocol", ["", *PROTOCOLS])
def test_managed_rules_are_made_from_templates(served: Served, protocol: str) -> None:
    cloudwatch = served.boto3(protocol)
    service = f"s{uuid.uuid4().hex[:8]}"
    resource = f"arn:detector:fleet:::service/{service}"
    template = "Service-FaultsByHost-v1"

    def made() -> list[str]:
        listed = cloudwatch.list_managed_insight_rules(ResourceARN=resource)["ManagedRules"]
        return [each["RuleState"]["RuleName"] for each in listed if "RuleState" in each]

    assert [] == made()
    rule = {"TemplateName": template, "ResourceARN": resource}
    assert [] == cloudwatch.put_managed_insight_rules(ManagedRules=[rule])["Failures"]
    assert [f"{template}-{service}"] == made()
    assert [] == cloudwatch.delete_insight_rules(RuleNames=made())["Failures"]
    assert [] == made()


def test_with_keys_only_whoever_has_one_is_answered(served: Served, tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.write_text(f"AKIDEXAMPLE {SECRET}-and-more\n")
    env = {
        "DETECTOR_API__KEYS_FILE": str(keys),
        "DETECTOR_API__AWS_REGION": "eu-west-1",
        "DETECTOR_HISTORY__PATH": str(tmp_path / "history.duckdb"),
    }
    with served.deployment.process("api", "api-keys", env) as api:
        url = url_of(api)
        right = {"secret": f"{SECRET}-and-more", "region": "eu-west-1"}
        for protocol in PROTOCOLS:
            assert "Metrics" in client(url, protocol, **right).list_metrics()
        for wrong in ({"secret": SECRET}, {"region": "us-east-1"}):
            with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
                client(url, **{**right, **wrong}).list_metrics()
        with pytest.raises(ClientError, match="InvalidClientTokenId"):
            client(url, key_id="AKIDNOBODY", **right).list_metrics()
        signed = {
            "AWS_SECRET_ACCESS_KEY": f"{SECRET}-and-more",
            "AWS_DEFAULT_REGION": "eu-west-1",
        }
        assert 0 == aws(url, "list-metrics", env=signed).returncode
        refused = aws(url, "list-metrics")
        assert (True, True) == (refused.returncode != 0, "SignatureDoesNotMatch" in refused.stderr)
        assert SECRET not in api.tail()


def test_alarms_outlive_the_process_and_it_ends_in_time(
    broker_tansu: EmbeddedBroker, unique_prefix: str, tmp_path: Path
) -> None:
    with Served(broker_tansu.bootstrap, unique_prefix, tmp_path) as served:
        settled = put_alarms(served.boto3(), "s-")
        wait_settled(served.boto3(), "s-", settled)
        before = served.boto3().describe_alarms()["MetricAlarms"]
        served.api.kill()
        served.start_api()
        assert settled == states(served.boto3(), "s-")
        assert before == served.boto3().describe_alarms()["MetricAlarms"]
        found = wait_for(lambda: contributors(served.boto3()), what="reports")
        assert [[SICK_HOST]] == [each["Keys"] for each in found]
        begun = time.monotonic()
        assert 0 == served.api.terminate()
        assert time.monotonic() - begun < 5
