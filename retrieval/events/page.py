"""The roll as a page: it needs nothing else, and prints on A4."""

from base64 import b64encode
from collections.abc import Mapping
from html import escape

from retrieval.events.answers import Roll, RollLine, Standing, UnknownGroup
from retrieval.values import counted

MOST_PICTURES = 2_000

_MOST_STAYS = 5  # in videos, that are told of one person
_STYLE = """
@page { size: A4; margin: 15mm }
* { box-sizing: border-box }
body { font: 11pt/1.4 system-ui, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; color: #1b1f24;
       max-width: 180mm; margin: 0 auto; padding: 1rem }
h1 { font-size: 20pt; margin: 0 }
h2 { font-size: 13pt; margin: 1.6rem 0 .4rem; break-after: avoid }
p { margin: .2rem 0 }
.note { color: #57606a; font-size: 9.5pt }
.warn { background: #fff3d6; padding: .4rem .6rem; border-radius: 4px }
.counts { display: flex; flex-wrap: wrap; gap: .5rem 1.5rem; margin: .8rem 0 }
.counts b { font-size: 15pt; display: block }
table { width: 100%; border-collapse: collapse }
td, th { text-align: left; padding: 3px 8px 3px 0; border-bottom: 1px solid #d8dee4;
         vertical-align: middle; font-size: 10pt }
th { font-size: 9pt; color: #57606a; font-weight: 600 }
tr { break-inside: avoid }
thead { display: table-header-group }
img { width: 14mm; height: 14mm; border-radius: 3px; display: block }
td.face { width: 17mm }
.number { font-variant-numeric: tabular-nums; text-align: right; padding-right: 1.5rem }
.absent { columns: 2; padding: 0; list-style: none; margin: 0 }
.groups { display: flex; flex-wrap: wrap; gap: 6mm }
.groups figure { margin: 0; width: 26mm; font-size: 8.5pt; break-inside: avoid }
.groups img { width: 22mm; height: 22mm }
"""


def page_of(roll: Roll) -> str:
    """The whole page as HTML; nothing in it is fetched from elsewhere."""
    best = [line.best for line in roll.lines if line.best is not None]
    best += [group.best for group in roll.unknown]
    pictures = roll.pictures(best[:MOST_PICTURES])
    parts = [_head(roll)]
    for standing, title in (
        (Standing.PRESENT, "Present"),
        (Standing.CHECK, "To check"),
    ):
        lines = roll.of(standing)
        if lines or standing is Standing.PRESENT:
            parts.append(f"<h2>{title} ({len(lines)})</h2>")
            parts.append(_people(lines, pictures) if lines else "<p>Nobody.</p>")
    if roll.absent:
        names = "".join(f"<li>{_who(line)}</li>" for line in roll.absent)
        parts.append(f'<h2>Absent ({len(roll.absent)})</h2><ul class="absent">{names}</ul>')
    if roll.unknown:
        parts.append(f"<h2>Unknown ({counted(len(roll.unknown), 'group')})</h2>")
        figures = "".join(_group(group, pictures) for group in roll.unknown)
        parts.append(f'<div class="groups">{figures}</div>')
    if roll.unusable:
        parts.append(
            f"<p class=note>{counted(len(roll.unusable), 'face')} too small, blurred or turned"
            " away to tell.</p>"
        )
    title = escape(roll.event.name)
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{title}</title><style>{_STYLE}</style><body>{''.join(parts)}</body></html>\n"
    )


def _head(roll: Roll) -> str:
    day = "" if roll.event.day is None else f", {roll.event.day.isoformat()}"
    counts = (
        (len(roll.present), "present"),
        (len(roll.to_check), "to check"),
        (len(roll.absent), "absent"),
        (len(roll.unknown), "unknown"),
        (roll.photos, "photos"),
        (roll.appearances, "faces"),
    )
    shown = "".join(f"<span><b>{count}</b>{what}</span>" for count, what in counts)
    warn = (
        ""
        if roll.outdated is None
        else (
            '<p class="warn">This roll may be otherwise once it is updated:'
            f" {escape(roll.outdated)}.</p>"
        )
    )
    source = (
        ""
        if roll.threshold is None
        else (
            f" Faces are named from a likeness of {roll.threshold:.3f}"
            f" ({escape(roll.threshold_source or '')}); a likeness is no probability."
        )
    )
    return (
        f"<h1>{escape(roll.event.name)}{day}</h1>"
        f'<p class="note">Collection {escape(roll.collection)}, made at'
        f" {roll.made_at:%Y-%m-%d %H:%M} UTC.{source}</p>{warn}"
        f'<div class="counts">{shown}</div>'
    )


def _people(lines: tuple[RollLine, ...], pictures: Mapping[int, bytes]) -> str:
    rows = "".join(
        f'<tr><td class="face">{_image(pictures.get(line.best or -1))}</td>'
        f"<td>{_who(line)}</td><td class=number>{line.photos}</td>"
        f"<td>{'' if line.certainty is None else line.certainty.value}"
        f"{'' if line.confirmed_by is None else f' by {escape(line.confirmed_by)}'}"
        f"{'' if line.why is None else f': {escape(line.why)}'}</td>"
        f"<td>{_time(line)}</td></tr>"
        for line in lines
    )
    return (
        "<table><thead><tr><th></th><th>name</th><th class=number>photos</th><th>how sure</th>"
        f"<th>seen</th></tr></thead><tbody>{rows}</tbody></table>"
    )


def _who(line: RollLine) -> str:
    number = (
        "" if line.external_id is None else f' <span class="note">{escape(line.external_id)}</span>'
    )
    guest = ' <span class="note">not expected</span>' if line.expected is False else ""
    return f"{escape(line.person)}{number}{guest}"


def _time(line: RollLine) -> str:
    """By the cameras' clocks, and where in which videos."""
    told = []
    if line.first is not None and line.last is not None:
        first, last = f"{line.first:%H:%M}", f"{line.last:%H:%M}"
        told.append(first if first == last else f"{first} to {last}")
    told += [escape(str(each)) for each in line.videos[:_MOST_STAYS]]
    if len(line.videos) > _MOST_STAYS:
        told.append(f"and {len(line.videos) - _MOST_STAYS} more")
    return "<br>".join(told)


def _group(group: UnknownGroup, pictures: Mapping[int, bytes]) -> str:
    note = "nobody of ours" if group.nobodys else f"group {group.group}"
    faces = counted(len(group.faces), "face")
    return f"<figure>{_image(pictures.get(group.best))}{note}, {faces}</figure>"


def _image(picture: bytes | None) -> str:
    if picture is None:
        return ""
    return f'<img alt="" src="data:image/jpeg;base64,{b64encode(picture).decode()}">'
