"""Libraries of the tests that are loaded into programs with LD_PRELOAD."""

import subprocess

from .stack import ROOT


def build_library(name, directory):
    """That of tests/support/NAME.c."""
    library = directory / f"{name}.so"
    subprocess.run(["gcc", "-std=gnu11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o",
                    library, ROOT / f"tests/support/{name}.c", "-ldl"], check=True, timeout=60)
    return library


def slow_disk(directory, sync_ms):
    """Settings of a program for which each sync of a file takes that long; the library is put there."""
    return {"LD_PRELOAD": str(build_library("slow_disk", directory)), "SLOW_DISK_MS": str(sync_ms)}
