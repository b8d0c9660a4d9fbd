"""The demo's live screen, drawn with rich from a plain value.

Law: strings are shown literally, never parsed as markup; the code that builds the view escapes text
from producers. No information depends on colour alone, so NO_COLOR loses none.

Theory of operation: header, zones, budget and footer have fixed heights. Alarms and decisions share
the rest, newest first, and are cut off at the bottom.
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
    """A service in one zone: the zone's share (0 to 1) of its faults, and the worst hosts."""

    service: str
    share: float
    hosts: tuple[HostRow, ...]


@dataclass(frozen=True, slots=True)
class ZoneView:
    """One zone; ``state`` is a word such as ``alarm``, or empty."""

    name: str
    state: str
    services: tuple[ServiceRows, ...]


@dataclass(frozen=True, slots=True)
class EntryView:
    """One line of a list: time, a word that decides the colour, and two texts."""

    at: str
    word: str
    text: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class PhaseView:
    """One phase of the script; ``progress`` is -1 before, 0 during and 1 after it."""

    name: str
    progress: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ScreenView:
    """The whole screen. While ``setting_up`` is not empty, only it and the header are shown."""

    title: str
    elapsed: str
    phases: tuple[PhaseView, ...] = ()
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
    """Return the view, laid out for the current size of the console."""
    root = Layout()
    header = Layout(_header(view), size=_HEADER_LINES)
    if view.setting_up:
        root.split_column(header, Layout(_entries("setting up", view.setting_up, "")))
        return root
    tall = console.height >= _TALL
    zone_lines = _ZONE_LINES * 2 if tall else _ZONE_LINES
    footer = view.footer if tall else view.footer[:2]
    root.split_column(
        header,
        Layout(_zones(view, zone_lines), size=zone_lines + _BORDER_LINES),
        Layout(_entries("alarms", view.alarms, "no alarms", wrap=tall), ratio=1, minimum_size=4),
        Layout(_entries("decisions", view.decisions, "nothing to decide"), ratio=1, minimum_size=4),
        Layout(_bottom(view), size=8 if tall else 5),
        Layout(_lines(footer, "dim"), size=len(footer)),
    )
    return root


def _header(view: ScreenView) -> RenderableType:
    top = Table.grid(expand=True)
    top.add_column(ratio=1)
    top.add_column(justify="right")
    top.add_row(Text(view.title, "bold"), Text(view.elapsed, "bold"))
    story = Text(view.story, "italic", no_wrap=True, overflow="ellipsis")
    figures = Text(view.figures, no_wrap=True, overflow="ellipsis")
    whole = Table.grid(expand=True)
    for part in (top, _phases(view.phases), story, figures):
        whole.add_row(part)
    return whole


def _phases(phases: Sequence[PhaseView]) -> Text:
    text = Text(no_wrap=True, overflow="ellipsis")
    for phase in phases:
        text.append(" > " if text else "")
        if phase.progress == 0:
            text.append(f"[{phase.name}]", "bold reverse")
        else:
            text.append(phase.name, "dim" if phase.progress < 0 else "green")
    return text


def _zones(view: ScreenView, lines: int) -> RenderableType:
    if not view.zones:
        return _entries(
            "faults by zone", (), "the first table appears after the first pane has closed"
        )
    grid = Table.grid(expand=True)
    for _ in view.zones:
        grid.add_column(ratio=1)
    grid.add_row(*(_zone(zone, lines) for zone in view.zones))
    return grid


def _zone(zone: ZoneView, lines: int) -> Panel:
    host_lines = max(1, lines // max(1, len(zone.services)) - 1)
    table = Table.grid(expand=True)
    table.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
    table.add_column(justify="right", no_wrap=True)
    for service in zone.services:
        table.add_row(Text(service.service, "bold"), _share(service.share))
        for host in service.hosts[:host_lines]:
            loud = "bold red" if host.share > _LOUD_SHARE else ""
            table.add_row(
                Text(host.host, loud), Text(f" {host.faults:,.0f} {host.share:5.0%}", loud)
            )
        for _ in range(host_lines - len(service.hosts)):
            table.add_row("", "")
    style = STYLE_BY_WORD.get(zone.state, "cyan" if zone.state else "")
    return Panel(
        table,
        title=Text(f"{zone.name} {zone.state.upper()}".strip(), style),
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
    # Without explicit widths rich would shorten time and word next to a long text.
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
    root = Layout()
    root.split_row(
        Layout(budget, ratio=2),
        Layout(_entries("outcomes", view.outcomes, "none yet", wrap=False), ratio=3),
    )
    return root


def _lines(lines: Sequence[str], style: str) -> RenderableType:
    grid = Table.grid(expand=True)
    for line in lines:
        grid.add_row(Text(line, style, no_wrap=True, overflow="ellipsis"))
    return grid
