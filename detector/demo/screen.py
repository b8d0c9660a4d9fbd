"""The demo's live screen, drawn with rich from a plain value.

Law: every string is shown as it is, never read as markup; whoever makes the view escapes what
producers wrote. Nothing depends on colour alone, so that NO_COLOR loses no meaning.

Theory of operation: the height is dealt out from top to bottom. Header, zones and footer have what
they need; alarms and decisions share the rest, newest first, and are cut at their lower edge.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from rich import box
from rich.console import Console, RenderableType
from rich.layout import Layout
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

_HEADER_LINES = 4
_ZONE_LINES = 6
_BORDER_LINES = 2
_TALL = 40
_BAR = 6
_LOUD_SHARE = 0.66

STYLE_BY_WORD = {
    "alarm": "bold red",
    "pending": "yellow",
    "ok": "green",
    "granted": "bold green",
    "refused": "bold yellow",
    "accepted": "cyan",
    "succeeded": "green",
    "failed": "bold red",
    "expired": "red",
    "interrupted": "red",
}


@dataclass(frozen=True, slots=True)
class HostRow:
    """A host with its share (0 to 1) of its service's faults in the newest window."""

    host: str
    share: float
    faults: float


@dataclass(frozen=True, slots=True)
class ServiceRows:
    """A service within one zone: the zone's share (0 to 1) of its faults, and its worst hosts."""

    service: str
    share: float
    hosts: tuple[HostRow, ...]


@dataclass(frozen=True, slots=True)
class ZoneView:
    """One zone; ``standing`` is a word such as ``alarm``, or empty."""

    name: str
    standing: str
    services: tuple[ServiceRows, ...]


@dataclass(frozen=True, slots=True)
class EntryView:
    """One line of a list: when, a word that carries the colour, and two texts."""

    at: str
    word: str
    text: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Chapter:
    """One part of the story; ``progress`` below 0: to come, above 0: over, 0: now."""

    name: str
    progress: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ScreenView:
    """Everything on the screen. While ``setting_up`` is not empty, only it and the header show."""

    title: str
    elapsed: str
    chapters: tuple[Chapter, ...] = ()
    story: str = ""
    figures: str = ""
    setting_up: tuple[EntryView, ...] = ()
    zones: tuple[ZoneView, ...] = ()
    alarms: tuple[EntryView, ...] = ()
    decisions: tuple[EntryView, ...] = ()
    budget: tuple[str, ...] = ()
    outcomes: tuple[EntryView, ...] = ()
    footer: tuple[str, ...] = ()


def draw(view: ScreenView, console: Console) -> RenderableType:
    """Lay the view out for the console's present size."""
    layout = Layout()
    header = Layout(_header(view), size=_HEADER_LINES)
    if view.setting_up:
        layout.split_column(header, Layout(_entries("setting up", view.setting_up, "")))
        return layout
    tall = console.height >= _TALL
    zone_lines = _ZONE_LINES * 2 if tall else _ZONE_LINES
    footer = view.footer if tall else view.footer[:2]
    layout.split_column(
        header,
        Layout(_zones(view, zone_lines), size=zone_lines + _BORDER_LINES),
        Layout(
            _entries("alarms", view.alarms, "no alarm stands", wrap=tall), ratio=1, minimum_size=4
        ),
        Layout(_entries("decisions", view.decisions, "nothing to decide"), ratio=1, minimum_size=4),
        Layout(_bottom(view), size=8 if tall else 5),
        Layout(_lines(footer, "dim"), size=len(footer)),
    )
    return layout


def _header(view: ScreenView) -> RenderableType:
    top = Table.grid(expand=True)
    top.add_column(ratio=1)
    top.add_column(justify="right")
    top.add_row(Text(view.title, "bold"), Text(view.elapsed, "bold"))
    story = Text(view.story, "italic", no_wrap=True, overflow="ellipsis")
    figures = Text(view.figures, no_wrap=True, overflow="ellipsis")
    whole = Table.grid(expand=True)
    for part in (top, _chapters(view.chapters), story, figures):
        whole.add_row(part)
    return whole


def _chapters(chapters: Sequence[Chapter]) -> Text:
    text = Text(no_wrap=True, overflow="ellipsis")
    for chapter in chapters:
        text.append(" > " if text else "")
        if chapter.progress == 0:
            text.append(f"[{chapter.name}]", "bold reverse")
        else:
            text.append(chapter.name, "dim" if chapter.progress < 0 else "green")
    return text


def _zones(view: ScreenView, lines: int) -> RenderableType:
    if not view.zones:
        return _entries(
            "faults by zone", (), "the first table comes when the first pane has closed"
        )
    grid = Table.grid(expand=True)
    for _ in view.zones:
        grid.add_column(ratio=1)
    grid.add_row(*(_zone(zone, lines) for zone in view.zones))
    return grid


def _zone(zone: ZoneView, lines: int) -> Panel:
    room = max(1, lines // max(1, len(zone.services)) - 1)
    table = Table.grid(expand=True)
    table.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
    table.add_column(justify="right", no_wrap=True)
    for service in zone.services:
        table.add_row(Text(service.service, "bold"), _share(service.share))
        for host in service.hosts[:room]:
            loud = "bold red" if host.share > _LOUD_SHARE else ""
            table.add_row(
                Text(host.host, loud), Text(f" {host.faults:,.0f} {host.share:5.0%}", loud)
            )
        for _ in range(room - len(service.hosts)):
            table.add_row("", "")
    style = STYLE_BY_WORD.get(zone.standing, "cyan" if zone.standing else "")
    return Panel(
        table,
        title=Text(f"{zone.name} {zone.standing.upper()}".strip(), style),
        box=box.ROUNDED,
        border_style=style,
        height=lines + _BORDER_LINES,
        padding=0,
    )


def _share(share: float) -> Text:
    full = round(min(1.0, max(0.0, share)) * _BAR)
    style = "bold red" if share > _LOUD_SHARE else ""
    text = Text()
    text.append("█" * full, style)
    text.append("░" * (_BAR - full), "dim")
    return text.append(f" {share:4.0%}", style)


def _entries(title: str, entries: Sequence[EntryView], nothing: str, *, wrap: bool = True) -> Panel:
    table = Table.grid(padding=(0, 1), expand=True)
    # Widths are stated, or rich would shorten time and word along with a long text.
    table.add_column(no_wrap=True, width=max((len(entry.at) for entry in entries), default=0))
    table.add_column(no_wrap=True, width=max((len(entry.word) for entry in entries), default=0))
    table.add_column(ratio=1, no_wrap=not wrap, overflow="fold" if wrap else "ellipsis")
    for entry in entries:
        text = Text(entry.text)
        if entry.reason:
            text.append(f" {entry.reason}", "dim")
        table.add_row(entry.at, Text(entry.word, STYLE_BY_WORD.get(entry.word, "")), text)
    body: RenderableType = table if entries else Text(nothing, "dim")
    return Panel(body, title=title, title_align="left", box=box.ROUNDED)


def _bottom(view: ScreenView) -> RenderableType:
    budget = Panel(_lines(view.budget, ""), title="budget", title_align="left", box=box.ROUNDED)
    layout = Layout()
    layout.split_row(
        Layout(budget, ratio=2),
        Layout(_entries("outcomes", view.outcomes, "none yet", wrap=False), ratio=3),
    )
    return layout


def _lines(lines: Sequence[str], style: str) -> RenderableType:
    grid = Table.grid(expand=True)
    for line in lines:
        grid.add_row(Text(line, style, no_wrap=True, overflow="ellipsis"))
    return grid
