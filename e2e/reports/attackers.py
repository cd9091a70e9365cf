#!/usr/bin/env python3
"""What one customer's visitors and programs can do to the others: 40 slow readers of logs, 1,000 slow posts,
thousands of idle connections, and a crawler at full speed for a minute, all at once.

Another store's slowest answers (99 %) take less than twice as long, the platform stays below 300 MB, and nobody
else is refused: visitors of the other store, its owner's log, and the portal's log-in page.
"""
import argparse
import asyncio
import multiprocessing
import os
import resource
import statistics
import time

from reported import BASE, check, container, customer, end, floor, platform

PORT = 18620
LOG_READERS, SLOW_POSTS, IDLE = 40, 1_000, 4_000
CRAWLERS = 16
SECONDS = 60
MAX_MEMORY = 300 << 20
# Visitors whose answers are measured come at this pace.
PAUSE = 0.05


def source(n):
    """An address of its own for every 200 connections, as visitors have: loopback is a /8."""
    return ("127.1.%d.1" % (n // 200), 0)


async def open_connection(n):
    return await asyncio.open_connection("127.0.0.1", PORT, local_addr=source(n))


async def slow_log(n, path, cookie, stop):
    """Reads the answer one small piece a second; the status, or None if the connection was closed."""
    try:
        reader, writer = await open_connection(20_000 + n)
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {BASE}\r\nCookie: {cookie}\r\n\r\n".encode())
        status = (await reader.readline()).split(b" ")[1]
        while not stop.is_set() and await reader.read(64):
            await asyncio.sleep(1)
        writer.close()
        return int(status)
    except (OSError, IndexError):
        return None


async def slow_post(n, host, stop):
    """Sends a body of a megabyte, one byte a second."""
    try:
        reader, writer = await open_connection(n)
        writer.write(f"POST /?slow={n} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 1000000\r\n\r\n".encode())
        while not stop.is_set():
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(1)
        writer.close()
    except OSError:
        pass


async def idle(n, stop):
    try:
        _, writer = await open_connection(5_000 + n)
        await stop.wait()
        writer.close()
    except OSError:
        pass


def attack(victim, cookie, log_path, stop, ready, statuses):
    """A process that holds all the slow ones open."""
    async def run():
        ended = asyncio.Event()
        tasks = [asyncio.create_task(slow_log(n, log_path, cookie, ended)) for n in range(LOG_READERS)]
        logs = list(tasks)
        for n in range(max(SLOW_POSTS, IDLE)):
            if n < SLOW_POSTS:
                tasks.append(asyncio.create_task(slow_post(n, victim, ended)))
            if n < IDLE:
                tasks.append(asyncio.create_task(idle(n, ended)))
            if n % 50 == 0:
                await asyncio.sleep(0.01)
        await asyncio.sleep(3)
        ready.set()
        await asyncio.to_thread(stop.wait)
        ended.set()
        await asyncio.gather(*tasks, return_exceptions=True)
        statuses.put([task.result() for task in logs])
    os.nice(10)
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    asyncio.run(run())


def crawl(host, stop, pages):
    """Asks for pages as fast as they come."""
    async def one(n):
        count, served = 0, 0
        while not stop.is_set():
            try:
                reader, writer = await open_connection(30_000 + n * 200)
                writer.write(f"GET /?page={n}.{count} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
                status = await reader.readline()
                while await reader.read(1 << 16):
                    pass
                writer.close()
                count, served = count + 1, served + (b" 200 " in status)
            except OSError:
                await asyncio.sleep(0.1)
        return count, served

    async def run():
        counts = await asyncio.gather(*(one(n) for n in range(CRAWLERS)))
        return [sum(column) for column in zip(*counts)]
    # In earnest they are on other machines: what they compute themselves is not the platform's.
    os.nice(10)
    pages.put(asyncio.run(run()))


def visit(host, path, seconds):
    """Visits for so long: milliseconds of each answer, and the statuses that were no 200."""
    took, refused, until = [], [], time.monotonic() + seconds
    while time.monotonic() < until:
        begun = time.monotonic()
        status = floor.request("127.0.0.1", PORT, host, path)[0]
        took.append((time.monotonic() - begun) * 1000)
        if status != 200:
            refused.append(status)
        time.sleep(PAUSE)
    return sorted(took), refused


def p99(took):
    return took[min(len(took) - 1, int(len(took) * 0.99))]


def shown(took):
    return f"half within {statistics.median(took):.1f} ms, 99 % within {p99(took):.1f} ms ({len(took)} answers)"


def memory(pid):
    """The most that a process has held, in bytes."""
    with open(f"/proc/{pid}/status") as status:
        return next(int(line.split()[1]) << 10 for line in status if line.startswith("VmHWM"))


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--seconds", type=int, default=SECONDS)
    seconds = arguments.parse_args().seconds
    with platform(PORT) as instance:
        (reader, quiet), (attacker, busy) = customer(instance, "quiet"), customer(instance, "busy")
        host, path = f"{quiet['hostname']}:{PORT}", "/wp-includes/css/dashicons.min.css"
        for warm in range(20):
            floor.request("127.0.0.1", PORT, host, path if warm % 2 else "/")
        quiet_static, _ = visit(host, path, seconds / 4)
        quiet_page, _ = visit(host, "/", seconds / 4)
        print(f"  quiet: a file {shown(quiet_static)}; a page {shown(quiet_page)}", flush=True)

        # A log that takes a while to read.
        lines = "for i in $(seq 20000); do echo line $i of a long log, as a busy store has; done > /proc/1/fd/1"
        floor.execute(container(busy, "web"), ["sh", "-c", lines], b"")

        stop, ready, answers = multiprocessing.Event(), multiprocessing.Event(), multiprocessing.Queue()
        pages = multiprocessing.Queue()
        victim, log_path = f"{busy['hostname']}:{PORT}", f"/sites/{busy['id']}/logs?tail=2000"
        attackers = [multiprocessing.Process(target=attack, args=(victim, attacker.cookie_header(), log_path, stop, ready, answers)),
                     multiprocessing.Process(target=crawl, args=(victim, stop, pages))]
        for process in attackers:
            process.start()
        ready.wait()
        try:
            open_now = len(os.listdir(f"/proc/{instance.process.pid}/fd"))
            static, refused_static = visit(host, path, seconds / 2)
            page, refused_page = visit(host, "/", seconds / 2)
            login, refused_login = visit(f"{BASE}:{PORT}", "/login", 5)
            status, _ = reader.page("/dashboard")
            log, _ = reader.page(f"/sites/{quiet['id']}/logs?tail=2000")
        finally:
            stop.set()
        logs = answers.get(timeout=60)
        crawled = pages.get(timeout=60)
        for process in attackers:
            process.join(30)
        print(f"  under attack: {open_now} open files, {crawled[0]} pages asked for in {seconds} s, {crawled[1]} of them served", flush=True)
        print(f"  a file {shown(static)}; a page {shown(page)}; the log-in page {shown(login)}", flush=True)
        check("no visitor of the other store is refused", not refused_static + refused_page, (refused_static + refused_page)[:5] or "")
        check("the portal serves its log-in page and other customers", not refused_login and status == 200, (refused_login[:5], status))
        served, held_back = sum(s == 200 for s in logs), sum(s in (429, 503) for s in logs)
        # What fits into the kernel's buffers is served whole, however slowly it is read.
        check("40 slow readers of one customer's log are served or told to wait", served > 0 and served + held_back == LOG_READERS, f"{served} served, {held_back} told to wait")
        check("another customer reads theirs meanwhile", log == 200, log)
        check("a file of the other store takes less than twice as long", p99(static) < 2 * max(p99(quiet_static), 5), f"{p99(quiet_static):.1f} ms → {p99(static):.1f} ms")
        check("a page of the other store takes less than twice as long", p99(page) < 2 * p99(quiet_page), f"{p99(quiet_page):.1f} ms → {p99(page):.1f} ms")
        used = memory(instance.process.pid)
        check("the platform stays below 300 MB", used < MAX_MEMORY, f"{used / 1e6:.0f} MB at most")
    end()


if __name__ == "__main__":
    main()
