"""Tables of raw bytes as Faust's own machinery has to see them."""

from pathlib import Path

import pytest

from detector.kafka.changelog_tables import raw_table
from detector.kafka.faust_settings import FaustSettings, create_app


@pytest.fixture
def settings(tmp_path: Path) -> FaustSettings:
    return FaustSettings(
        broker="127.0.0.1:9092", app_id="detector", worker_id="w", data_dir=str(tmp_path)
    )


def test_faust_waits_for_no_acknowledgement_of_a_changelog(settings: FaustSettings) -> None:
    """Otherwise a healthy worker logs errors about it for as long as it runs."""
    table = raw_table(create_app(settings), "decider", "detector-decider-changelog", 1)
    assert ["detector-decider-changelog"] == list(table.changelog_topic.topics)
    assert not table.changelog_topic.acks
