"""
Where a stack of the tests has its state: in memory, where the machine has room there. What a test asserts must not
depend on how long a disk that others use, too, takes for a sync: Zoom and runners wait for seconds only.
"""

import contextlib
import os
import pathlib
import shutil
import stat
import tempfile

MEMORY = pathlib.Path("/dev/shm")
ROOM_BYTES = 1 << 30  # all that run side by side have far less


def memory(for_programs=False):
    """The folder for folders in memory, or None; `for_programs`: they are run from there, too."""
    if not os.access(MEMORY, os.W_OK):
        return None
    status = os.statvfs(MEMORY)
    is_fit = status.f_bavail * status.f_frsize >= ROOM_BYTES and not (for_programs and status.f_flag & os.ST_NOEXEC)
    return MEMORY if is_fit else None


def sockets_and_pipes(folder, names):
    """What cannot be copied."""
    return [name for name in names
            if stat.S_IFMT(os.lstat(os.path.join(folder, name)).st_mode) in (stat.S_IFSOCK, stat.S_IFIFO)]


@contextlib.contextmanager
def in_memory(kept):
    """A folder whose files are in the folder `kept` afterwards, for who wants to know what happened."""
    if memory() is None:
        kept.mkdir(exist_ok=True)
        yield kept
        return
    with tempfile.TemporaryDirectory(prefix="hallpass-", dir=memory()) as folder:
        try:
            yield pathlib.Path(folder)
        finally:
            shutil.copytree(folder, kept, symlinks=True, ignore=sockets_and_pipes, dirs_exist_ok=True)
