"""Keys of the API: from settings and files, every fault reported, no secret shown."""

from pathlib import Path

import pytest

from detector.core.errors import SettingsError
from detector.settings import load

SECRET = "hunter2hunter2hunter2"
KEY = {"DETECTOR_API__ACCESS_KEY_ID": "AKIDONE"}
WITH_SECRET = {**KEY, "DETECTOR_API__SECRET_ACCESS_KEY": SECRET}


def test_without_keys_nobody_signs() -> None:
    section = load(None, {}).api
    assert (False, {}) == (section.asks_for_keys, section.secrets())


def test_keys_come_from_the_environment_and_from_files(tmp_path: Path) -> None:
    secret, more = tmp_path / "secret", tmp_path / "keys"
    secret.write_text(SECRET + "\n")
    more.write_text(f"# ours\n\nAKIDTWO {SECRET}2\nAKID_3\t{SECRET}3\n")
    assert {"AKIDONE": SECRET} == load(None, WITH_SECRET).api.secrets()
    files = {
        "DETECTOR_API__SECRET_ACCESS_KEY_FILE": str(secret),
        "DETECTOR_API__KEYS_FILE": str(more),
    }
    section = load(None, {**KEY, **files}).api
    expected = {"AKIDONE": SECRET, "AKIDTWO": f"{SECRET}2", "AKID_3": f"{SECRET}3"}
    assert (True, expected) == (section.asks_for_keys, section.secrets())


@pytest.mark.parametrize(
    ("env", "message"),
    [
        (
            {"DETECTOR_API__HOST": "0.0.0.0"},  # noqa: S104 - refused
            "api.host: found '0.0.0.0', expected a loopback address, because no keys are given",
        ),
        (KEY, "api.secret_access_key_file: found '', expected the path of a file (or secret_acc"),
        (
            {"DETECTOR_API__SECRET_ACCESS_KEY": SECRET},
            "api.access_key_id: found '', expected the id that the secret belongs to",
        ),
        (
            {**WITH_SECRET, "DETECTOR_API__SECRET_ACCESS_KEY_FILE": __file__},
            "expected nothing, because secret_access_key is given as well",
        ),
        ({"DETECTOR_API__ACCOUNT_ID": "12"}, "api.account_id: found '12', expected text that"),
    ],
)
def test_keys_that_are_half_there_are_refused(env: dict[str, str], message: str) -> None:
    with pytest.raises(SettingsError) as refused:
        load(None, env)
    assert message in str(refused.value)
    assert SECRET not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "api.keys_file: found no key, expected at least one"),
        ("AKIDTWO\n", ":1: api.keys_file: found another line, expected an id, white space and"),
        (f"#\nA!DTWO {SECRET}\n", ":2: api.keys_file: found another line, expected an id"),
        (f"AKIDTWO {SECRET}\nAKIDTWO {SECRET}\n", ":2: api.keys_file: found 'AKIDTWO' again"),
        (f"AKIDONE {SECRET}\n", ":1: api.keys_file: found 'AKIDONE' again, expected every id"),
        ("AKIDTWO hunter2\n", "api: found a shorter secret for AKIDTWO, expected at least 16"),
        ("\udcff", "api.keys_file: found "),
    ],
)
def test_a_file_of_keys_that_is_none_is_refused(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "keys"
    file.write_bytes(text.encode("utf-8", "surrogateescape"))
    section = load(None, {**WITH_SECRET, "DETECTOR_API__KEYS_FILE": str(file)}).api
    with pytest.raises(SettingsError) as refused:
        section.secrets()
    assert message in str(refused.value)
    assert "hunter2" not in str(refused.value)


def test_no_secret_is_shown() -> None:
    settings = load(None, WITH_SECRET)
    assert SECRET not in f"{settings!r}{settings}{settings.model_dump_json()}"
