"""A platform of one's own with so many sites in its database already, all of them stopped."""
import subprocess

from client import Person
from instance import OPERATOR, ROOT, Instance


def fill_program():
    # With the binary's features, or its dependencies would be built once more.
    command = ["cargo", "build", "--release", "-p", "stoa", "-p", "stoa-db", "--example", "fill"]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return str(ROOT / "target/release/examples/fill")


class Filled(Instance):
    """A platform with so many sites in it."""

    def __init__(self, size, port, program, fill, **settings):
        super().__init__(port, program, **settings)
        self.size, self.fill = size, fill

    def start(self):
        if self.fill:
            url = f"sqlite://{self.data / 'stoa.db'}?mode=rwc"
            subprocess.run([self.fill, url, OPERATOR, str(self.size)], check=True)
            self.fill = None
        return super().start()

    def person(self, email, path="/login"):
        return Person(self.port).log_in(email, self.password, path)
