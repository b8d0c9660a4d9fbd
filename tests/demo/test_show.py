"""Plain lines tell each thing once; the live screen gives the terminal back."""

import io

import msgspec
from rich.console import Console

from detector.decisions.config import DecideConfig
from detector.demo.lines import HEALTHY
from detector.demo.show import LiveScreen, PlainLines, ShowContext
from detector.demo.state import DemoState
from tests.demo.builders import BLAMED, FLEET, SCRIPT, TOPICS, alarm, at, target

SCENE = ShowContext(
    fleet=FLEET, bucket=DecideConfig().fleet_bucket, hints=("kcat [one]", "kcat two")
)
HOST = target(BLAMED.host_zone, BLAMED.host)


def test_plain_lines_tell_steps_chapters_and_news_once_and_a_summary_every_ten_seconds() -> None:
    out = io.StringIO()
    show = PlainLines(Console(file=out, width=40, _environ={}))
    for seconds in (0.0, 0.2, 0.4):
        show.set_up([("topics", "..."), ("worker", "")], seconds)
    show.set_up([("topics", "ok"), ("worker", "...")], 61.0)
    show.begin(SCENE)
    state = DemoState(SCRIPT, TOPICS)
    news = state.apply(TOPICS.alarms, msgspec.json.encode(alarm(HOST)), at(3.0))
    assert news is not None
    show.frame(state, at(1.0))
    show.print(state, news, at(3.0))
    for second in range(4, 14):
        show.frame(state, at(second))
    show.close()
    summary = "         0 events/s; 0 written"
    assert out.getvalue().splitlines() == [
        "set-up 00:00  topics: ...",
        "set-up 01:01  topics: ok",
        "set-up 01:01  worker: ...",
        "kcat [one]",
        "kcat two",
        f"00:01  story    {HEALTHY}",
        f"00:01  {summary}",
        f"00:03  alarm    {alarm(HOST).sentence}",
        f"00:11  {summary}",
    ]


def test_the_live_screen_uses_the_alternate_screen_and_leaves_it() -> None:
    out = io.StringIO()
    console = Console(file=out, width=100, height=30, force_terminal=True, _environ={})
    show = LiveScreen(console, 7)
    show.set_up([("topics", "...")], 1.0)
    state = DemoState(SCRIPT, TOPICS)
    show.frame(state, at(1.0))
    show.begin(SCENE)
    show.print(state, alarm(HOST), at(1.0))
    show.frame(state, at(1.0))
    show.close()
    show.close()
    text = out.getvalue()
    enter, leave = "\x1b[?1049h", "\x1b[?1049l"
    assert [1, 1] == [text.count(enter), text.count(leave)]
    assert text.index(enter) < text.index("topics") < text.index("kcat [one]") < text.index(leave)
