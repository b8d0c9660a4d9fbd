"""The commented file names every setting with the default that the code has."""

import re
import tomllib
from pathlib import Path

from detector.settings import every_setting
from detector.settings.example import example_toml
from detector.settings.loading import load
from detector.settings.model import Settings
from detector.settings.sources import variable_of

SHIPPED = Path(__file__).parents[2] / "deploy" / "detector.toml"


def test_the_shipped_file_is_what_the_code_writes() -> None:
    """Regenerate it with `detector check --example > deploy/detector.toml`."""
    assert example_toml() == SHIPPED.read_text(encoding="utf-8")


def test_the_shipped_file_changes_nothing() -> None:
    assert load(None, {}) == load(SHIPPED, {})


def test_every_setting_stands_in_the_file_with_its_default(tmp_path: Path) -> None:
    uncommented = re.sub(r"(?m)^# (\w+ = )", r"\1", example_toml())
    values = tomllib.loads(uncommented)
    for path in every_setting():
        holder = values[path[0]] if len(path) == 2 else values
        assert path[-1] in holder, path
    written = tmp_path / "detector.toml"
    written.write_text(uncommented, encoding="utf-8")
    expected = Settings().model_copy(update={"rules_dir": Path("deploy/rules")})
    assert expected == load(written, {})


def test_every_setting_says_what_it_is_and_names_its_variable() -> None:
    text = example_toml()
    for path in every_setting():
        assert variable_of(path) in text
    assert "None" not in text


def test_every_number_has_two_bounds() -> None:
    """A setting without bounds is a way to break the product by a slip of the finger."""
    for path in every_setting():
        model = Settings if len(path) == 1 else Settings.model_fields[path[0]].annotation
        assert model is not None
        field = model.model_fields[path[-1]]
        if field.annotation in {int, float}:
            bounds = {
                name
                for rule in field.metadata
                for name in ("ge", "gt", "le", "lt")
                if hasattr(rule, name)
            }
            assert len(bounds) == 2, path


def test_every_setting_is_read_by_something() -> None:
    """A setting that nobody reads is a promise that nobody keeps."""
    package = Path(__file__).parents[2] / "detector"
    code = "\n".join(path.read_text(encoding="utf-8") for path in package.rglob("*.py"))
    for path in every_setting():
        assert len(re.findall(rf"\b{path[-1]}\b", code)) > 1, path
