"""Whether a program has a file open for writing, as Linux tells of files that are one's own."""

import fcntl
import os
import signal
import sys
from pathlib import Path

_SETSIG = 10  # F_SETSIG of <fcntl.h>, which Python does not name


def has_writer(path: Path) -> bool:
    """Whether a file is open for writing, here or in any other process.

    False where that cannot be told: on other systems, network drives, and of files that are
    somebody else's, unless this process is root's.

    Source: fcntl(2), "Leases": one for reading is refused as long as a file is open for writing.
    """
    if sys.platform != "linux":
        return False
    try:
        number = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        # Whoever opens it for writing in this very moment is told of by a signal: SIGIO ends us.
        fcntl.fcntl(number, _SETSIG, signal.SIGURG)
        fcntl.fcntl(number, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(number, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(number)
    return False
