#!/usr/bin/env python3
"""What a store's answers and unusual requests do to others: cookies for the whole domain and `Clear-Site-Data` (A15), the
portal's own cookies twice (A15), bytes in targets that browsers do send (A4), and a container that is dead (A12).
"""
import socket
import time

from reported import BASE, check, container, customer, end, floor, platform

PORT = 18630
PAGE = """<?php
header('Set-Cookie: wide=1; Domain=%s; Path=/');
header('Set-Cookie: stoa=evil; Domain=%s; Path=/', false);
header('Set-Cookie: own=1; Path=/', false);
header('Clear-Site-Data: "*"');
header('Content-Type: text/plain');
echo 'target ', $_SERVER['REQUEST_URI'];
""" % (BASE, BASE)


def ask(host, target, headers=b""):
    """The raw answer to a GET; the target is bytes as they are sent."""
    with socket.create_connection(("127.0.0.1", PORT), timeout=20) as connection:
        connection.sendall(b"GET " + target + b" HTTP/1.1\r\nHost: " + host.encode() + b"\r\n" + headers + b"Connection: close\r\n\r\n")
        answer = b""
        while piece := connection.recv(1 << 16):
            answer += piece
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split(b" ")[1]), head.decode("latin-1"), body


def main():
    with platform(PORT) as instance:
        person, site = customer(instance, "cookies")
        host, web = f"{site['hostname']}:{PORT}", container(site, "web")
        floor.execute(web, ["sh", "-c", "cat > /srv/wp/wp-content/plugins/a.php"], PAGE.encode())

        status, head, _ = ask(host, b"/wp-content/plugins/a.php")
        cookies = [line for line in head.split("\r\n") if line.lower().startswith("set-cookie:")]
        check("a store's own cookie passes", status == 200 and any("own=1" in cookie for cookie in cookies), cookies)
        check("none is for the whole domain", not any(f"domain={BASE}" in cookie.lower().replace("domain=.", "domain=") for cookie in cookies))
        check("and its store clears no data of others", "clear-site-data" not in head.lower())

        mine = person.cookies["stoa"]
        logged_in = lambda cookie: ask(f"{BASE}:{PORT}", b"/dashboard", b"Cookie: " + cookie.encode() + b"\r\n")
        check("the portal knows its cookie", logged_in(f"stoa={mine}")[0] == 200)
        for cookie in (f"stoa={mine}; stoa=evil", f"stoa=evil; stoa={mine}"):
            status, head, body = logged_in(cookie)
            check("the portal refuses its cookie twice", status == 400 and b"Another site has set our cookie" in body, status)
            check("and has the browser forget both", f"Domain={BASE}" in head and head.count("Max-Age=0") >= 2)
        check("many cookies of stores are no trouble to it", logged_in(f"stoa={mine}; " + "; ".join(f"c{n}={'x' * 900}" for n in range(19)))[0] == 200)

        for target in (b"/?s=caf\xe9", b'/?a="b"', b"/?q=<b>", b"/?q=^", b"/?q=\\", b"/?q=a|b{c}"):
            status, _, body = ask(host, b"/wp-content/plugins/a.php" + target[1:])
            check(f"{target!r} reaches the store", status == 200 and b"target /" in body, (status, body[:60]))

        floor.api("POST", f"/containers/{web}/pause")
        floor.api("POST", f"/containers/{web}/unpause")
        floor.api("POST", f"/containers/{web}/kill")
        begun = time.monotonic()
        status, _, body = ask(host, b"/")
        took = time.monotonic() - begun
        known = status in (502, 503) and took < 3 or status == 200
        check("a dead container is known at once", known and b"took too long" not in body, (status, f"{took:.2f} s"))
        until = time.monotonic() + 60
        while ask(host, b"/")[0] != 200 and time.monotonic() < until:
            time.sleep(0.5)
        check("and runs again automatically", ask(host, b"/")[0] == 200)
    end()


if __name__ == "__main__":
    main()
