"""A Stoa of one's own for a bench: its data in a temporary folder, its own port and address pool.

Leaving the `with` block removes all of its sites through the platform, then looks whether Docker has
anything left of this installation, removes that by label, and says so: also after an error or Ctrl-C.
"""
import json
import os
import pathlib
import secrets
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from urllib.parse import quote

from client import BASE, Program, Refused, floor
from report import note

ROOT = pathlib.Path(__file__).resolve().parents[2]
OPERATOR = f"operator@{BASE}"


def binary(given=None):
    """The release binary; built if it is not there. `STOA_BIN` or --binary name another one."""
    path = pathlib.Path(given or os.environ.get("STOA_BIN") or ROOT / "target/release/stoa")
    if not path.exists():
        if given or os.environ.get("STOA_BIN"):
            sys.exit(f"there is no {path}")
        note("building the release binary; this takes some minutes")
        subprocess.run(["cargo", "build", "--release", "-p", "stoa"], cwd=ROOT, check=True)
    return str(path)


class Instance:
    def __init__(self, port, program=None, data=None, **settings):
        self.port, self.program = port, binary(program)
        self.data = pathlib.Path(data or tempfile.mkdtemp(prefix="stoa-bench-"))
        self.settings = {
            "data_dir": str(self.data), "listen": f"127.0.0.1:{port}", "public_port": 80, "base_domain": BASE,
            "portal_hosts": ["127.0.0.1"], "blueprints": str(ROOT / "blueprints"), "subnet_pool": "10.215.0.0/16",
            "delete_grace_days": 0, "memory_overcommit": 100.0,
            "rates": {"login_minute": 1_000_000, "login_hour": 1_000_000, "staff_login_minute": 1_000_000,
                      "staff_login_hour": 1_000_000, "sign_up_hour": 1_000_000},
        } | settings
        self.password = secrets.token_urlsafe(18)
        self.process, self.installation, self.api = None, None, None

    # ---- its life ----

    def __enter__(self):
        try:
            self.write_config()
            self.cli("init", "--email", OPERATOR, "--password-file", "-", stdin=self.password)
            # The label that everything of this instance carries.
            self.installation = self.query("SELECT value FROM meta WHERE name = 'installation'")[0][0]
            token = self.cli("staff", "token", OPERATOR, "--name", "bench")["token"]
            self.api = Program(self.port, token)
            self.start()
        except BaseException:
            self.__exit__(*sys.exc_info())
            raise
        return self

    def __exit__(self, kind, error, trace):
        # A second Ctrl-C must not leave half of it behind.
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            try:
                if self.installation and left(self.installation):
                    self.purge()
            finally:
                # Whatever fails, such as a Docker that is away: the server ends.
                self.stop()
            if self.installation:
                remove_by_label(self.installation)
            if kind is not None and kind is not KeyboardInterrupt:
                note(f"the end of {self.data}/serve.log:\n" + self.log_end())
        finally:
            shutil.rmtree(self.data, ignore_errors=True)
            signal.signal(signal.SIGINT, before)

    def write_config(self):
        def line(key, value):
            return f"{key} = {json.dumps(value)}\n"
        tables = {k: v for k, v in self.settings.items() if isinstance(v, dict)}
        text = "".join(line(k, v) for k, v in self.settings.items() if k not in tables)
        for name, table in tables.items():
            text += f"[{name}]\n" + "".join(line(k, v) for k, v in table.items())
        self.config = self.data / "stoa.toml"
        self.config.write_text(text)

    def start(self):
        """Starts `stoa serve`; answers the seconds until /healthz said 200."""
        log = open(self.data / "serve.log", "ab")
        begun = time.monotonic()
        # A session of its own: Ctrl-C is for the bench, which still needs the platform to clean up.
        self.process = subprocess.Popen([self.program, "--config", str(self.config), "serve"], stdin=subprocess.DEVNULL,
                                        env=os.environ | {"STOA_FIREWALL_ENABLED": "false"},
                                        stdout=log, stderr=log, start_new_session=True)
        log.close()
        while True:
            try:
                if floor.request("127.0.0.1", self.port, BASE, "/healthz")[0] == 200:
                    return time.monotonic() - begun
            except OSError:
                pass
            if self.process.poll() is not None:
                raise RuntimeError(f"`stoa serve` ended with {self.process.returncode}:\n{self.log_end()}")
            if time.monotonic() - begun > 30:
                raise RuntimeError(f"`stoa serve` does not answer on port {self.port}:\n{self.log_end()}")
            time.sleep(0.002)

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process = None

    def log_end(self):
        try:
            return "\n".join((self.data / "serve.log").read_text(errors="replace").splitlines()[-15:])
        except OSError:
            return "(no log)"

    # ---- talking to it ----

    def cli(self, *arguments, stdin=None):
        """A verb of the command line; its JSON."""
        done = subprocess.run([self.program, "--config", str(self.config), "--json", *arguments], input=stdin,
                              capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"stoa {' '.join(arguments[:2])}: {done.stderr.strip()}")
        return json.loads(done.stdout) if done.stdout.strip() else None

    def query(self, sql):
        """A look into the database beside the platform, so that looking costs it nothing."""
        with sqlite3.connect(f"file:{self.data / 'stoa.db'}?mode=ro", uri=True) as db:
            return db.execute(sql).fetchall()

    def states(self):
        """How many sites are in which state, tombstones left out."""
        return dict(self.query("SELECT state, count(*) FROM sites WHERE state <> 'deleted' GROUP BY state"))

    # ---- cleaning up ----

    def remove_sites(self, seconds=240):
        """Cancels what is under way, deletes every site, waits until the platform has removed them; the seconds it took."""
        begun = time.monotonic()
        while self.states() or left(self.installation):
            if time.monotonic() - begun > seconds:
                raise RuntimeError(f"not all sites were removed: {self.states()}, {len(left(self.installation))} things on Docker")
            for site in self.api.sites():
                try:
                    if site["job"]:
                        self.api.call("POST", f"/api/v1/jobs/{site['job']}/cancel")
                    elif site["state"] != "deleting":
                        self.api.call("DELETE", f"/api/v1/sites/{site['id']}")
                except Refused:
                    pass      # a job that is ending; the next round sees what it came to
            time.sleep(0.1)
        return time.monotonic() - begun

    def purge(self):
        note("removing all sites through the platform")
        try:
            if self.process is None or self.process.poll() is not None:
                self.start()
            self.remove_sites()
        except Exception as error:
            note(f"the platform could not remove its sites: {error}")


# ---- Docker's side ---------------------------------------------------------------------------------------------------

def filters(installation):
    return quote(json.dumps({"label": [f"stoa.installation={installation}"]}))


def left(installation):
    """What of an installation there is on Docker: (kind, name) each."""
    f = filters(installation)
    containers = [("containers", c["Id"]) for c in floor.api("GET", f"/containers/json?all=1&filters={f}")]
    networks = [("networks", n["Id"]) for n in floor.api("GET", f"/networks?filters={f}")]
    volumes = [("volumes", v["Name"]) for v in floor.api("GET", f"/volumes?filters={f}")["Volumes"] or []]
    return containers + networks + volumes


def remove_by_label(installation):
    """The net under the platform's own removal: it should find nothing."""
    found = left(installation)
    if not found:
        return
    note(f"WARNING: {len(found)} things were left on Docker; removing them by label")
    for kind, name in found:
        query = {"containers": "?force=1&v=1", "volumes": "?force=1", "networks": ""}[kind]
        try:
            floor.api("DELETE", f"/{kind}/{name}{query}")
        except floor.ApiError as error:
            note(f"  {kind} {name}: {error}")
