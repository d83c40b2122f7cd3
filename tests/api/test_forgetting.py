"""A service forgets what was kept for its time as soon as it starts, and every day."""

import os
import time
from datetime import timedelta

from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import select, update

from retrieval.api.context import Context
from retrieval.catalogue.http.audit import AuditEntry, audit
from retrieval.catalogue.http.replies import replies
from retrieval.catalogue.schema import now
from retrieval.collection.run_files import rejects_of, uploads_below
from retrieval.settings import Settings

LONG_AGO = now() - timedelta(days=400)


def test_audit_entries_replies_and_files_of_runs_go_when_their_time_is_over(
    app: FastAPI, context: Context, settings: Settings
) -> None:
    context.catalogue.audit.record([AuditEntry("door", "identify")])
    context.catalogue.replies.claim("door", "old", "fingerprint")
    with context.catalogue._database.writing() as connection:
        connection.execute(update(audit).values(at=LONG_AGO))
        connection.execute(update(replies).values(created_at=LONG_AGO))
    context.catalogue.audit.record([AuditEntry("door", "verify")])
    upload, rejects = uploads_below(settings.home) / "old", rejects_of(settings.home, "0ld")
    upload.mkdir(parents=True)
    rejects.parent.mkdir()
    rejects.touch()
    for path in (upload, rejects):
        os.utime(path, (LONG_AGO.timestamp(), LONG_AGO.timestamp()))
    with TestClient(app, base_url="http://127.0.0.1"):
        until = time.monotonic() + 120
        while (rejects.exists() or upload.exists()) and time.monotonic() < until:
            time.sleep(0.02)
        assert [each.entry.action for each in context.catalogue.audit.entries()] == ["verify"]
        with context.catalogue._database.reading() as connection:
            assert connection.execute(select(replies)).all() == []
        assert not rejects.exists()
        assert not upload.exists()
