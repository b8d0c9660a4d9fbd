"""The generated text holds nothing that a person or a producer wrote."""

import ast
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.ingest.codegen import LoopSource
from detector.ingest.schema import learn_schema
from detector.logs.fields import DecodeLimits, FieldMapping, LatencyUnit
from detector.rules.rules import ContributorRule, Filter, Operator, RuleSet
from tests import strategies
from tests.builders import SHORT, document, rule

HOSTILE = "x'];import os;os.exit()#\"\n"


def source_of(
    shape: dict[str, Any], rules: RuleSet, mapping: FieldMapping | None = None
) -> LoopSource | None:
    mapping = mapping or FieldMapping()
    schema = learn_schema(shape, mapping, rules)
    if schema is None:
        return None
    names = {name: f"m{at}" for at, (name, _) in enumerate(schema.members)}
    return LoopSource(
        schema, tuple(rules), names, mapping=mapping, limits=DecodeLimits(), times=SHORT, cell=8
    )


@pytest.mark.parametrize(
    "written",
    [
        rule(keys=[(HOSTILE,)]),
        rule(filters=[Filter((HOSTILE,), Operator.GREATER_THAN, 1.0)]),
        rule(filters=[Filter(("Caller",), Operator.IN, (HOSTILE,))]),
        rule(filters=[Filter(("Caller",), Operator.STARTS_WITH, (HOSTILE,))]),
        rule(value_of=[HOSTILE]),
        rule(HOSTILE, groups=[HOSTILE]),
    ],
)
def test_names_and_operands_never_reach_the_text(written: ContributorRule) -> None:
    mapping = FieldMapping(
        caller=(HOSTILE, "Caller"),
        default_service=HOSTILE,
        slow_threshold_ms_by_service={HOSTILE: 5.0},
    )
    source = source_of(document(drop=["Service"]), RuleSet((written,)), mapping)
    assert source is not None
    text = source.text()
    assert not {"os", "import", "exit"} & set(re.findall(r"\w+", text))


@given(strategies.rule_sets(), st.sampled_from(list(LatencyUnit)))
def test_the_text_is_python_without_a_single_string(rules: RuleSet, unit: LatencyUnit) -> None:
    source = source_of(document(Status=200), rules, FieldMapping(latency_unit=unit))
    if source is None:
        return
    nodes = list(ast.walk(ast.parse(source.text())))
    constants = [node.value for node in nodes if isinstance(node, ast.Constant)]
    assert all(value is None or isinstance(value, int | float) for value in constants)
    loaded = {node.id for node in nodes if isinstance(node, ast.Name)}
    assert not loaded & {"__import__", "eval", "exec", "getattr", "open", "globals"}


def test_log_groups_are_looked_up_only_where_rules_differ_by_them() -> None:
    universal = source_of(document(), RuleSet((rule(),)))
    choosy = source_of(document(), RuleSet((rule(), rule("b", groups=["web"]))))
    assert universal is not None
    assert choosy is not None
    assert not universal.reads_log_group
    assert choosy.reads_log_group
    assert "masks" not in universal.text()
    assert "masks[" in choosy.text()


def test_rules_with_the_same_filters_share_one_condition() -> None:
    faulty = [Filter(("Faults",), Operator.GREATER_THAN, 0.0)]
    same = RuleSet(tuple(rule(f"r{n}", keys=[("Caller",)], filters=faulty) for n in range(9)))
    source = source_of(document(), same)
    assert source is not None
    assert 1 == source.text().count("> 0.0")
