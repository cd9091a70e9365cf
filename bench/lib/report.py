"""Numbers, tables and ratio lines, the same in every bench."""
import json
import pathlib
import statistics
import sys


def median(values):
    return statistics.median(values)


def p95(values):
    return percentile(values, 0.95)


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, round(share * (len(ordered) - 1)))]


def table(head, rows):
    """Prints rows under a heading: the first column to the left, the others to the right."""
    rows = [[str(cell) for cell in row] for row in rows]
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    for row in [head, *rows]:
        cells = [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:]))]
        print("  ".join(cells).rstrip())
    print(flush=True)


class Report:
    """What a bench found: printed as it comes, and written to a file at the end."""

    def __init__(self, bench):
        self.facts = {"bench": bench, "ratios": {}, "aims": []}

    def put(self, name, value):
        self.facts[name] = value

    def ratio(self, ours, theirs, case, value):
        """`ratio OURS/THEIRS CASE R`: OURS divided by THEIRS; the case says what was measured."""
        print(f"ratio {ours}/{theirs} {case} {value:.3f}", flush=True)
        self.facts["ratios"][f"{ours}/{theirs} {case}"] = round(value, 4)

    def aim(self, what, value, limit, unit=""):
        """Says whether a number is within its aim (at most `limit`)."""
        held = value <= limit
        print(f"aim {'met ' if held else 'MISSED'} {what}: {value:.4g}{unit} (at most {limit:g}{unit})", flush=True)
        self.facts["aims"].append({"what": what, "value": round(value, 4), "limit": limit, "met": held})
        return held

    def write(self, path):
        if path:
            pathlib.Path(path).write_text(json.dumps(self.facts, indent=2) + "\n")


def note(text):
    """A line of progress, apart from the results."""
    print(text, file=sys.stderr, flush=True)
