"""What became of the user, step by step: the table that the fault suite ends with."""

KEPT = "kept"
GONE = "gone, as the user wished"
LOST = "LOST"
NOT_OURS = "cut off: the user presses Allow again"

# The one step at which a user can be lost: Zoom has made the old token void, and what came instead of
# it is on its way to us, or in the memory of a process that is killed.
UNAVOIDABLE = "Zoom has rotated, its answer is not on our disk"

PROPERTY = "outcome"


class Row:
    """One kill: `step` is where, `way` how, `process` which; `outcome` what it did to the user."""

    def __init__(self, operation, step, way, process):
        self.cells = [operation, step, way, process]

    def of(self, outcome, node):
        node.user_properties.append((PROPERTY, [*self.cells, outcome]))


def rows_of(reports):
    return [value for report in reports for name, value in report.user_properties if name == PROPERTY]


def is_allowed(row):
    _, step, _, _, outcome = row
    return not outcome.startswith(LOST) or step == UNAVOIDABLE


def lines_of(rows):
    """Ways and processes at the same step with the same outcome share a line."""
    ways = {}
    for operation, step, way, process, outcome in sorted(rows):
        ways.setdefault((operation, step, outcome), {}).setdefault(way, []).append(process)
    head = "operation", "killed when", "the user is", "kills (by whom, where)"
    table = [head] + [
        (*key, "; ".join(f"{way} ({', '.join(processes)})" for way, processes in found.items()))
        for key, found in ways.items()]
    widths = [max(len(line[column]) for line in table) for column in range(3)]
    for line in table:
        yield "  ".join([*(cell.ljust(width) for cell, width in zip(line, widths)), line[3]])
