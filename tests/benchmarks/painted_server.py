"""The service over painted people as a process of its own, whose memory is nobody else's.

`python -m tests.benchmarks.painted_server HOME` prints its port, and ends with its standard input.
"""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from retrieval.api.app import create_app
from retrieval.benchmarks.exhaustion import begin_run
from retrieval.benchmarks.serving import Running
from retrieval.settings import Settings
from tests.api.conftest import served
from tests.api.painted import catalogue_of, painted_service
from tests.processes import ROOT


def main() -> None:
    """Serve until standard input ends."""
    settings = Settings(home=Path(sys.argv[1]), head_timeout_s=0.5)
    app = create_app(
        settings,
        catalogue_of(settings),
        lambda name: painted_service(settings, name),
        loopback=True,
    )
    with painted_service(settings, "default") as service:
        service.ensure_collection()
        begin_run(service)
    with served(app) as port:
        sys.stdout.write(f"{port}\n")
        sys.stdout.flush()
        sys.stdin.read()


@contextmanager
def painted_server(home: Path) -> Iterator[Running]:
    """That process, for as long as it is needed."""
    command = [sys.executable, "-m", "tests.benchmarks.painted_server", str(home)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield Running(int(process.stdout.readline()), process.pid)
        finally:
            process.stdin.close()


if __name__ == "__main__":
    main()
