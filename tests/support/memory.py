"""The memory of a process that runs: what it holds, and what of that a core dump would leave out."""

import re
from collections import namedtuple

Mapping = namedtuple("Mapping", "start end name flags")

HEAD = re.compile(r"^([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ \S+ \S+ *(.*)$")


def mappings_of(pid):
    """Those that can be read; `flags` as smaps has them: "dd" is left out of core dumps."""
    found = []
    with open(f"/proc/{pid}/smaps") as smaps:
        for line in smaps:
            head = HEAD.match(line)
            if head:
                start, end, modes, name = head.groups()
            elif line.startswith("VmFlags:") and modes.startswith("r"):
                found.append(Mapping(int(start, 16), int(end, 16), name, line.split()[1:]))
    return found


def find_in(pid, secret):
    """The mappings of the process in which the bytes stand."""
    found = []
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for mapping in mappings_of(pid):
            try:
                memory.seek(mapping.start)
                text = memory.read(mapping.end - mapping.start)
            except (OSError, ValueError, OverflowError):
                continue  # of the kernel's own, or unmapped since
            found += [mapping] * text.count(secret)
    return found
