"""A platform of a report's own, with stores that answer; and what reports say."""
import json
import os
import pathlib
import sys
import time
from urllib.parse import quote

sys.dont_write_bytecode = True
ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "bench" / "lib"))
from client import BASE, Person, floor  # noqa: E402,F401
from instance import Instance  # noqa: E402

POOL = os.environ.get("REPORTS_POOL", "10.216.160.0/20")
PASSWORD = "correct horse battery staple"
failed = []


def platform(port, **settings):
    """A `stoa serve` with its data in a temporary folder; as a context it removes everything again."""
    # How much room this machine has left is not what is tested.
    room = {"min_free_disk": "1m", "subnet_pool": POOL, "public_port": 0}
    return Instance(port, **(room | settings))


def customer(instance, name):
    """A new customer with a store of that name: their browser, and what the platform knows of the store."""
    person = Person(instance.port)
    person.page("/register")
    form = {"email": f"{name}@{BASE}", "password": PASSWORD, "company": name, "blueprint": "woocommerce",
            "subdomain": name, "title": f"Store {name}"}
    status, text = person.page("/register", form)
    if status != 303:
        raise RuntimeError(f"registering {name}: {status} {text[:200]}")
    for _ in range(1800):
        site = instance.cli("sites", "show", name)
        if site["state"] == "active" and not site["job"]:
            return person, site
        if not site["job"]:
            raise RuntimeError(f"{name} is {site['state']}: {site['reason']}")
        time.sleep(0.1)
    raise RuntimeError(f"{name} was not ready after three minutes")


def container(site, service):
    """The name of a service's container."""
    filters = quote(json.dumps({"label": [f"stoa.site={site['id']}", f"com.docker.compose.service={service}"]}))
    return floor.api("GET", f"/containers/json?all=1&filters={filters}")[0]["Id"]


def check(what, holds, found=""):
    """Says whether something holds, and remembers it if not."""
    print(f"  {'ok ' if holds else 'BAD'} {what}{'' if found == '' else f': {found}'}", flush=True)
    if not holds:
        failed.append(what)


def end():
    """Ends the report: with 1 if something did not hold."""
    sys.exit(1 if failed else 0)
