"""Settings: environment over file over defaults; all faults are reported at once."""

import json
from enum import Enum
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from detector.core.errors import SettingsError
from detector.core.vocabulary import AlarmMode, Mode, Switch
from detector.settings import Settings, every_setting, load
from detector.settings.sources import variable_of

BAD = Path(__file__).parent / "bad"

# A value for each setting that differs from its default and is allowed by itself.
SPECIAL: dict[tuple[str, ...], Any] = {
    ("broker",): "kafka-1:9093,[::1]:9092",
    ("mode",): "enforce",
    ("worker_id",): "worker-7",
    ("topic_prefix",): "acme.",
    ("rules_dir",): "elsewhere",
    ("input", "start"): "latest",
    ("fields", "latency_unit"): "seconds",
    ("fields", "slow_threshold_ms_by_service"): {"checkout": 250.0},
    ("fields", "default_service"): "other",
    ("alarms", "default_mode"): "classic",
    ("alarms", "modes"): {"rule:faults-by-caller": "off"},
    ("alarms", "windows_required"): 4,
    ("zone_test", "max_p_value"): 0.25,
    ("budgets", "healthy_floor"): 0.8,
    ("actuator", "webhook_url"): "https://executor.example/act",
    ("actuator", "webhook_allowed_networks"): ["10.0.0.0/8", "fd00::/8"],
    ("topics", "replication_factor"): 3,
    ("kafka", "heartbeat_seconds"): 3.0,
    ("security", "protocol"): "SSL",
    ("security", "username"): "detector",
    ("security", "password"): "hunter2",
    ("security", "oauth_callback"): "acme.tokens:fresh",
    ("telemetry", "metrics_host"): "0.0.0.0",  # noqa: S104  (only read, nothing listens)
    ("telemetry", "log_level"): "debug",
    ("telemetry", "log_format"): "console",
    ("api", "host"): "::1",
    ("api", "aws_region"): "eu-west-1",
    ("api", "account_id"): "123456789012",
    ("api", "access_key_id"): "AKIDEXAMPLE",
    ("api", "secret_access_key"): "hunter2hunter2hunter2",
}
# These are only allowed together with others, and have tests of their own below.
TOGETHER = {("actuator", "executor"), ("security", "sasl_mechanism")}


def other_value(path: tuple[str, ...], tmp_path: Path) -> Any:
    """Return a value for the setting that is allowed and is not its default."""
    if path in SPECIAL:
        return SPECIAL[path]
    default = value_at(Settings(), path)
    if isinstance(default, Switch):
        return "shadow" if default is Switch.ON else "on"
    if isinstance(default, bool):
        return not default
    if isinstance(default, int):
        return default - 1 if default > 2 else default + 1
    if isinstance(default, float):
        return default * 1.0625 if default != 0.66 else 0.5
    if isinstance(default, tuple):
        return ["first", "second"]
    if isinstance(default, Path):
        return "another"
    assert default is None, path
    file = tmp_path / "file.pem"
    file.touch()
    return str(file)


def value_at(settings: Settings, path: tuple[str, ...]) -> Any:
    value: Any = settings
    for step in path:
        value = getattr(value, step)
    return value


def plain(value: Any) -> Any:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, tuple):
        return list(value)
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    return value


def toml_of(path: tuple[str, ...], value: Any) -> str:
    if isinstance(value, dict):
        text = "{" + ", ".join(f"{json.dumps(k)} = {json.dumps(v)}" for k, v in value.items()) + "}"
    else:
        text = json.dumps(value)
    return f"[{path[0]}]\n{path[1]} = {text}\n" if len(path) == 2 else f"{path[0]} = {text}\n"


def companions(path: tuple[str, ...]) -> dict[str, str]:
    """Return the variables without which the setting is refused."""
    pairs = {"certificate_file": "key_file", "key_file": "certificate_file"}
    if path[0] == "security" and path[-1] in pairs:
        return {variable_of(("security", pairs[path[-1]])): __file__}
    if path == ("api", "access_key_id"):
        return {variable_of(("api", "secret_access_key")): "hunter2hunter2hunter2"}
    if path[-1].startswith("secret_access_key"):
        return {variable_of(("api", "access_key_id")): "AKIDEXAMPLE"}
    return {}


@pytest.mark.parametrize("path", sorted(set(every_setting()) - TOGETHER), ids=".".join)
def test_every_setting_is_read_from_file_and_environment(
    path: tuple[str, ...], tmp_path: Path
) -> None:
    wanted = other_value(path, tmp_path)
    assert plain(value_at(Settings(), path)) != wanted
    file = tmp_path / "some.toml"
    file.write_text(toml_of(path, wanted), encoding="utf-8")
    assert wanted == plain(value_at(load(file, companions(path)), path))
    as_text = wanted if isinstance(wanted, str) else json.dumps(wanted)
    env = {variable_of(path): as_text, **companions(path)}
    assert wanted == plain(value_at(load(None, env), path))


def test_the_environment_wins_over_the_file_and_the_file_over_defaults(tmp_path: Path) -> None:
    file = tmp_path / "some.toml"
    file.write_text("[windows]\npane_seconds = 20\nwindow_panes = 3\n", encoding="utf-8")
    settings = load(file, {"DETECTOR_WINDOWS__PANE_SECONDS": "30"})
    assert (30.0, 3, 5.0) == (
        settings.windows.pane_seconds,
        settings.windows.window_panes,
        settings.windows.lateness_seconds,
    )


def test_the_six_fixed_variables_override(tmp_path: Path) -> None:
    env = {
        "DETECTOR_BROKER": "a:1, b:2",
        "DETECTOR_INPUT_TOPICS": "app.logs, other-logs",
        "DETECTOR_TOPIC_PREFIX": "x.",
        "DETECTOR_RULES_DIR": str(tmp_path),
        "DETECTOR_WORKER_ID": "worker-3",
        "DETECTOR_MODE": "enforce",
    }
    settings = load(None, env)
    assert ("a:1", "b:2") == settings.brokers
    assert ("app.logs", "other-logs") == settings.input_topics
    assert "x.tallies" == settings.topic_names().tallies
    assert (tmp_path, "worker-3", Mode.ENFORCE) == (
        settings.rules_dir,
        settings.worker_id,
        settings.mode,
    )


def test_the_input_topic_follows_the_prefix() -> None:
    assert ("acme.logs",) == load(None, {"DETECTOR_TOPIC_PREFIX": "acme."}).input_topics


def test_the_file_in_the_working_directory_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert "worker-0" == load(None, {}).worker_id
    (tmp_path / "detector.toml").write_text('worker_id = "here"\n', encoding="utf-8")
    assert "here" == load(None, {}).worker_id


def test_tables_are_read_from_json_in_the_environment() -> None:
    env = {
        "DETECTOR_ALARMS__MODES": '{"rule:x": "classic"}',
        "DETECTOR_FIELDS__HOST": '["a,b", "c"]',
    }
    settings = load(None, env)
    assert {"rule:x": AlarmMode.CLASSIC} == settings.alarms.modes
    assert ("a,b", "c") == settings.fields.host


def test_settings_cannot_be_changed_after_start() -> None:
    settings = load(None, {})
    with pytest.raises(ValueError, match="frozen"):
        settings.broker = "other:1"
    with pytest.raises(ValueError, match="frozen"):
        settings.windows.pane_seconds = 1.0


def test_a_password_is_never_shown() -> None:
    env = {
        "DETECTOR_SECURITY__PROTOCOL": "SASL_SSL",
        "DETECTOR_SECURITY__SASL_MECHANISM": "PLAIN",
        "DETECTOR_SECURITY__USERNAME": "u",
        "DETECTOR_SECURITY__PASSWORD": "hunter2",
    }
    settings = load(None, env)
    assert "hunter2" not in f"{settings!r}{settings}{settings.model_dump_json()}"
    with pytest.raises(SettingsError) as refused:
        load(None, env | {"DETECTOR_SECURITY__PASSWORD_FILE": __file__})
    assert "hunter2" not in str(refused.value)
    assert "found" in str(refused.value)


@pytest.mark.parametrize("name", sorted(path.stem for path in BAD.glob("*.toml")))
def test_a_bad_file_is_explained_line_by_line(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The expected message lies beside each bad file, one line for each fault."""
    monkeypatch.chdir(BAD)
    with pytest.raises(SettingsError) as refused:
        load(Path(f"{name}.toml"), {})
    assert (BAD / f"{name}.expected").read_text(encoding="utf-8").splitlines() == [
        str(fault) for fault in refused.value.faults
    ]


@pytest.mark.parametrize(
    ("variable", "value", "expected"),
    [
        ("DETECTOR_BROKERS", "a:1", "found an unknown variable, expected DETECTOR_BROKER"),
        (
            "DETECTOR_WINDOWS__LATENES_SECONDS",
            "3",
            "windows.latenes_seconds: found an unknown setting, expected lateness_seconds",
        ),
        (
            "DETECTOR_TALLIES__PARTITIONS",
            "many",
            "tallies.partitions: found 'many', expected a whole number",
        ),
        ("DETECTOR_INPUT_TOPICS", "", "input_topics: found '', expected at least 1 of them"),
        ("DETECTOR_ALARMS__MODES", "{", "alarms.modes: found '{', expected a table"),
        (
            "DETECTOR_WINDOWS__PANE_SECONDS",
            "nan",
            "windows.pane_seconds: found 'nan', expected at most 3600",
        ),
        (
            "DETECTOR_WINDOWS__WINDOW_PANES",
            "true",
            "windows.window_panes: found 'true', expected a whole number",
        ),
    ],
)
def test_a_bad_variable_is_named(variable: str, value: str, expected: str) -> None:
    with pytest.raises(SettingsError) as refused:
        load(None, {variable: value})
    assert f"environment {variable}: {expected}" == str(refused.value)


def test_variables_of_other_programs_are_left_alone() -> None:
    load(None, {"DETECTOR_TEST_LONG": "1", "DETECTOR_CONFIG": "x", "PATH": "/bin"})


def test_a_missing_file_is_reported() -> None:
    with pytest.raises(
        SettingsError, match=r"nowhere\.toml: found no such file or directory, expected a"
    ):
        load(Path("nowhere.toml"), {})


def test_bytes_that_are_not_text_are_reported(tmp_path: Path) -> None:
    file = tmp_path / "some.toml"
    file.write_bytes(b'broker = "\xff"')
    with pytest.raises(
        SettingsError, match="found a byte that is not UTF-8 at offset 10, expected TOML"
    ):
        load(file, {})
