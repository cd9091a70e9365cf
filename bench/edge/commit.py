"""The whole way of a change through the platform with 10,000 sites: from the database's commit to the edge.

A stopped site is deleted and undeleted by turns, which takes its name off the air and back on. The
commit is seen by another connection to the database (PRAGMA data_version), the edge by asking it for
the name, both by turns: what is printed is a little more than the truth.
"""
import sqlite3
import threading
import time

from client import Program
from filled import Filled, fill_program
from report import median, percentile, table

TOOLS = []
PORT, SITES = 18095, 10_000


class Watcher(threading.Thread):
    """Notes when the database has something new, and then when the edge gives a site this status."""

    def __init__(self, stoa, name, status):
        super().__init__(daemon=True)
        self.stoa, self.name, self.status = stoa, name, status
        self.guest = Program(stoa.port, "none")
        self.guest.headers = {"Host": name}
        self.committed, self.live, self.others, self.ready = None, None, set(), threading.Event()

    def run(self):
        with sqlite3.connect(f"file:{self.stoa.data / 'stoa.db'}?mode=ro", uri=True) as db:
            version = lambda: db.execute("PRAGMA data_version").fetchone()[0]
            self.guest.send("GET", "/")
            first = version()
            self.ready.set()
            until = time.monotonic() + 10
            while self.live is None and time.monotonic() < until:
                if self.committed is None and version() != first:
                    self.committed = time.monotonic()
                status = self.guest.send("GET", "/")[0]
                if status == self.status:
                    self.live = time.monotonic()
                else:
                    self.others.add(status)


def run(options, folder, report):
    fill = options.fill or fill_program()
    times, asked = [], []
    with Filled(SITES, PORT, options.binary, fill, delete_grace_days=7) as stoa:
        sites = stoa.api.call("GET", "/api/v1/sites?limit=50")["items"]
        for number in range(10 if options.quick else 100):
            site = sites[number // 2 % len(sites)]
            method, path, before, after = ("DELETE", "", 503, 404) if number % 2 == 0 else ("POST", "/undelete", 404, 503)
            watcher = Watcher(stoa, site["hostname"], after)
            watcher.start()
            watcher.ready.wait(10)
            asked.append(stoa.api.timed(method, f"/api/v1/sites/{site['id']}{path}")[1])
            watcher.join()
            if watcher.live is None or watcher.others - {before}:
                raise SystemExit(f"{method} {site['hostname']}: the edge never answered {after}, or others: {watcher.others}")
            # Both within one look: then it was faster than looking.
            times.append(max(0, watcher.live - (watcher.committed or watcher.live)) * 1000)
    row = lambda name, values: [name, *(f"{value:.1f}" for value in (median(values), percentile(values, 0.99), max(values)))]
    table(["ms", "p50", "p99", "longest"], [row("commit to live", times), row("request to answer", asked)])
    report.put("commit_ms", times)
    report.aim(f"{SITES:,} sites: from the commit to the edge, p99", percentile(times, 0.99), 50, " ms")
