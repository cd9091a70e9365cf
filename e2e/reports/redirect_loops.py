#!/usr/bin/env python3
"""Names that lead to each other (A1): one browser visits an alias, which redirects; the alias is made the main address, and
the same browser visits both names again, then back. What it has stored of the first visit must not make it loop.
"""
import subprocess

from reported import BASE, ROOT, check, customer, end, platform
from name_server import NameServer

PORT, DNS_PORT = 18640, 18641
ALIAS = "shop.jane.test"


def visit(steps):
    """One browser profile for all steps: each is a command's arguments or an address, and where the address ends."""
    script = ROOT / "e2e" / "reports" / "redirect_loops.mjs"
    browser = subprocess.Popen(["node", str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT / "e2e")
    try:
        for step in steps:
            if callable(step):
                step()
                continue
            address, expected = step
            browser.stdin.write(address + "\n")
            browser.stdin.flush()
            found = browser.stdout.readline().strip()
            check(f"{address} ends at {expected}", found == f"200 {expected}", found)
    finally:
        browser.stdin.close()
        browser.wait(60)


def main():
    subprocess.run([ROOT / "e2e" / "packages"], check=True)
    dns = NameServer(DNS_PORT)
    with platform(PORT, public_addresses=["127.0.0.1"], resolvers=[f"127.0.0.1:{DNS_PORT}"]) as instance:
        customer(instance, "loops")
        own = f"loops.{BASE}"
        added = instance.cli("domains", "add", "loops", ALIAS)[0]
        text = next(record for record in added["records"] if record["kind"] == "TXT")
        dns.texts[text["name"].rstrip(".")] = text["value"]
        checked = instance.cli("domains", "check", ALIAS)
        check("the alias is verified", checked["state"] == "verified", checked["problem"] or "")
        make_main = lambda name: lambda: instance.cli("domains", "main", "loops", name)
        at = lambda name: f"http://{name}:{PORT}/"
        visit([(at(ALIAS), at(own)), (at(own), at(own)),
               make_main(ALIAS), (at(ALIAS), at(ALIAS)), (at(own), at(ALIAS)),
               make_main(own), (at(own), at(own)), (at(ALIAS), at(own))])
    end()


if __name__ == "__main__":
    main()
