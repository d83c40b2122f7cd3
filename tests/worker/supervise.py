"""A supervisor in a process of its own, to be killed: python -m tests.worker.supervise HOME URL."""

import sys
from pathlib import Path

from retrieval.settings import Settings
from worker.process import WorkerPlan
from worker.supervisor import Supervisor

if __name__ == "__main__":
    home, url = sys.argv[1:]
    settings = Settings(home=Path(home))
    Supervisor(WorkerPlan(settings, url, "rollcall", "tests.worker.diary:build_tasks"), 1).run()
