"""Those who ask: wrk, h2load and our own handshakes, in rounds that take turns; and what is printed of them."""
import json
import pathlib
import re
import statistics
import subprocess
import sys

from peers import cpu_seconds, host
from report import percentile, table

LUA = """
local requests = {{}}
local at = 0
function init(args)
  for number = 0, {routes} - 1 do
    requests[number] = wrk.format("GET", "/", {{ Host = "site-" .. number .. ".bench.test" }})
  end
end
function request()
  at = (at + 7919) % {routes}
  return requests[at]
end
"""


def seconds(text):
    match = re.fullmatch(r"([\d.]+)(us|ms|s|m)", text)
    if not match:
        raise ValueError(f"wrk prints a time that is none: {text!r}")
    value, unit = match.groups()
    return float(value) * {"us": 1e-6, "ms": 1e-3, "s": 1, "m": 60}[unit]


def wrk(folder, url, connections, routes, length=1):
    """Requests over HTTP/1.1, each to the next of so many hosts."""
    script = pathlib.Path(folder) / f"hosts-{routes}.lua"
    script.write_text(LUA.format(routes=routes))
    command = ["wrk", "-t1", f"-c{connections}", f"-d{length}s", "--latency", "-s", str(script), url]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    if "Non-2xx" in text or "Socket errors" in text or " 0 requests in" in text:
        print(f"warning: {url} c{connections} r{routes}:\n{text}", file=sys.stderr)
    return {
        "count": int(re.search(r"(\d+) requests in", text)[1]),
        "rps": float(re.search(r"Requests/sec:\s+([\d.]+)", text)[1]),
        "p50": seconds(re.search(r"(?m)^\s+50%\s+(\S+)", text)[1]),
        "p99": seconds(re.search(r"(?m)^\s+99%\s+(\S+)", text)[1]),
    }


def h2load(folder, port, connections, streams, length=1):
    """Requests over HTTP/2 and TLS. h2load asks for one host only, so the table's size shows, its spread not."""
    log = pathlib.Path(folder) / "h2load.log"
    log.unlink(missing_ok=True)
    command = ["h2load", "-t1", f"-c{connections}", f"-m{streams}", f"-D{length}", "--log-file", str(log),
               f"--connect-to=127.0.0.1:{port}", f"https://{host(0)}/"]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    rows = [line.split("\t") for line in log.read_text().splitlines()]
    times = [int(row[2]) / 1e6 for row in rows if row[1] == "200"]
    if "Application protocol: h2" not in text or len(times) < len(rows) or not times:
        print(f"warning: h2load c{connections} m{streams} port {port}:\n{text}", file=sys.stderr)
    return {"count": len(times), "rps": len(times) / length, "p50": percentile(times, 0.5), "p99": percentile(times, 0.99)}


def handshakes(program, port, *options, names=1, length=1, connections=16):
    """TLS handshakes, each on a connection of its own, by our own program (edge_load.rs): `openssl s_time`
    has one connection at a time, and checks what it gets, so it would measure itself."""
    command = [program, "handshakes", f"127.0.0.1:{port}", str(names), str(connections), str(length), *options]
    told = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    if told["failed"] or not told["count"] or told["resumed"] < 0.95 * told["count"] * ("--resume" in options):
        print(f"warning: {' '.join(command)}: {told}", file=sys.stderr)
    return told


class Rounds:
    """Cases of several contenders, measured by turns."""

    def __init__(self, report):
        self.report, self.cases, self.results = report, {}, {}

    def add(self, case, who, pid, measure):
        """One side of a case: `measure()` answers rps, p50, p99 and count; `pid` is who pays."""
        self.cases[case, who] = (pid, measure)

    def go(self, rounds):
        for number in range(rounds):
            for key in list(self.cases) if number % 2 == 0 else reversed(list(self.cases)):
                pid, measure = self.cases[key]
                before = cpu_seconds(pid)
                result = measure()
                result["cpu"] = (cpu_seconds(pid) - before) / max(result["count"], 1)
                self.results.setdefault(key, []).append(result)

    def median(self, case, who, what):
        return statistics.median(r[what] for r in self.results[case, who])

    def print(self, unit):
        rows = []
        for case, who in self.cases:
            rps, p50, p99, cpu = (self.median(case, who, what) for what in ("rps", "p50", "p99", "cpu"))
            rows.append([f"{case} {who}", f"{rps:.0f}", f"{p50 * 1e6:.0f}", f"{p99 * 1e6:.0f}", f"{cpu * 1e6:.1f}"])
            self.report.put(f"{case} {who}", {"rps": rps, "p50": p50, "p99": p99, "cpu": cpu})
        table(["case", f"{unit}s/s", "p50 µs", "p99 µs", f"CPU µs/{unit}"], rows)

    def compare(self, what, case, ours, theirs, name, theirs_case=None):
        """`ratio OURS/THEIRS`, arranged so that more than 1 means that ours is better. It is the median of the
        rounds' own ratios, as the two runs of a round are neighbours and suffer the same noise."""
        pairs = zip(self.results[case, ours], self.results[theirs_case or case, theirs])
        shares = [a[what] / max(b[what], 1e-9) if what == "rps" else b[what] / max(a[what], 1e-9) for a, b in pairs]
        self.report.ratio(ours, theirs, name, statistics.median(shares))

    def compare_all(self, prefix):
        """Edge with nginx in every case that both have."""
        for case in dict.fromkeys(case for case, _ in self.cases):
            if (case, "edge") in self.cases and (case, "nginx") in self.cases:
                name = f"{case.replace(' ', '-')}"
                self.compare("rps", case, "edge", "nginx", f"{prefix}-rps-{name}")
                for what in ("p50", "p99", "cpu"):
                    self.compare(what, case, "edge", "nginx", f"{prefix}-inverse-{what}-{name}")
