"""`service install`: systemd units for the service, its workers and a nightly backup."""

import getpass
import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from cli.options import Run, Writes, command

service = typer.Typer(help="Rollcall as a service of this machine.", no_args_is_help=True)

_UNIT = """[Unit]
Description=Rollcall: {what}
After=network-online.target
Wants=network-online.target

[Service]
Type={kind}
User={user}
Environment=ROLLCALL_HOME={home}
EnvironmentFile=-{home}/service.env
{starts}
{rest}
NoNewPrivileges=true
PrivateTmp=true
ProtectSystem=full
UMask=0077
"""
_KEEPS_RUNNING = """Restart=on-failure
RestartSec=5

[Install]
WantedBy=multi-user.target
"""
_TIMER = """[Unit]
Description=Rollcall: backup every night

[Timer]
OnCalendar=*-*-* 02:30:00
RandomizedDelaySec=15min
Persistent=true

[Install]
WantedBy=timers.target
"""


def register(app: typer.Typer) -> None:
    """Add the command group to the app."""
    app.add_typer(service, name="service")


@command(service, "install")
def install(
    run: Run,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="Write the units there, as /etc/systemd/system."),
        Writes.FOLDER,
    ] = None,
    user: Annotated[
        str | None, typer.Option("--user", metavar="NAME", help="Who runs it; else you.")
    ] = None,
    keep: Annotated[
        int, typer.Option("--keep", metavar="N", min=1, help="Nights of which backups are kept.")
    ] = 14,
    workers: Annotated[
        int, typer.Option("--workers", metavar="N", min=1, help="Worker processes.")
    ] = 1,
) -> None:
    """Print systemd units for the service, its workers and a nightly backup, or write them."""
    from retrieval.files.output import replacing
    from retrieval.files.private import make_folder

    found = units(run.settings.home.absolute(), user or getpass.getuser(), keep, workers)
    if out is not None:
        make_folder(out)
        for name, text in found.items():
            with replacing(out / name) as part:
                part.write_text(text, encoding="utf-8")
            run.remark(f"wrote {out / name}")
        run.remark("then: systemctl daemon-reload; systemctl enable --now NAME, for each")
    run.emit({"units": found}, lambda: _show(run, found, written=out is not None))


def units(home: Path, user: str, keep: int, workers: int) -> dict[str, str]:
    """The units by the names of their files.

    Args:
        home: the home folder, absolute.
        user: who runs them.
        keep: nights of which backups are kept.
        workers: processes.
    """
    program = shlex.join([str(Path(sys.prefix) / "bin" / "rollcall")])
    folder = home / "backups"
    backup = f"{program} backup --quiet {folder}/$$(date +%%F).backup --overwrite"
    old = f"ls -1 {folder}/*.backup | head -n -{keep} | xargs -r rm --"
    made = {"user": user, "home": home}
    once = f"ExecStart=/bin/sh -c '{backup}'\nExecStartPost=/bin/sh -c '{old}'"
    first = f"ExecStartPre=/bin/mkdir -p -m 700 {folder}"
    running = {"kind": "exec", **made}
    serve = f"ExecStart={program} serve --workers 0"
    work = f"ExecStart={program} worker --processes {workers}"
    parts = {
        "rollcall.service": ("HTTP service", serve),
        "rollcall-worker.service": ("workers", work),
    }
    found = {
        name: _ordered(_UNIT.format(what=what, starts=starts, rest="TimeoutStopSec=90", **running))
        for name, (what, starts) in parts.items()
    }
    found["rollcall-backup.service"] = _UNIT.format(
        what="backup", kind="oneshot", starts=f"{first}\n{once}", rest="Nice=10", **made
    )
    found["rollcall-backup.timer"] = _TIMER
    return found


def _ordered(unit: str) -> str:
    return unit + _KEEPS_RUNNING


def _show(run: Run, found: dict[str, str], *, written: bool) -> None:
    if written:
        return
    for name, text in found.items():
        run.print(f"# /etc/systemd/system/{name}\n{text}", markup=False)
