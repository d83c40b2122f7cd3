"""The tasks of workers that know an FTP server's password.

Users give it in the environment. Workers of tests have that of the process from which they are
forked, which an earlier test may have started.
"""

import fsspec

from retrieval.settings import Settings
from tests.storage_servers import PASSWORD
from tests.worker import small_models
from worker import tasks
from worker.jobs import RqJobQueue
from worker.tasks import RunTasks


def build_tasks(settings: Settings, queue: RqJobQueue) -> RunTasks:
    fsspec.config.conf["ftp"] = {"password": PASSWORD}
    return tasks.build_tasks(settings, queue)


def build_small_tasks(settings: Settings, queue: RqJobQueue) -> RunTasks:
    fsspec.config.conf["ftp"] = {"password": PASSWORD}
    return small_models.build_tasks(settings, queue)
