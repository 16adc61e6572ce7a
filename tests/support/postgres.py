"""A PostgreSQL server of a test's own: a temporary folder, a Unix socket, no TCP port, stopped at the end."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg


def programs() -> Path | None:
    """The folder of initdb and pg_ctl: Debian keeps them out of PATH."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"), key=lambda path: int(path.parts[-3].split(".")[0]))
    if found:
        return found[-1].parent
    on_path = shutil.which("pg_ctl")
    return Path(on_path).resolve().parent if on_path else None


@contextmanager
def running_postgres(*, fsync: bool = False) -> Iterator["Server"]:
    """A running server; as root it runs as Debian's user postgres, because it refuses to be root.

    Without `fsync`: tests prove logic, and the machine does not lose power while they run. Benchmarks want it.
    """
    binaries = programs()
    if binaries is None:
        raise FileNotFoundError("PostgreSQL is not installed (Debian: postgresql)")
    # Short, because a socket's path has at most 107 bytes.
    folder = Path(tempfile.mkdtemp(prefix="earshot-pg-", dir="/tmp"))
    user = pwd.getpwuid(os.getuid()).pw_name
    prefix: list[str] = []
    if os.getuid() == 0:
        user = "postgres"
        shutil.chown(folder, user)
        prefix = ["runuser", "-u", user, "--"]
    data = folder / "data"

    def run(program: str, *arguments: str) -> None:
        command = [*prefix, str(binaries / program), "-D", str(data), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, cwd=folder, check=False, timeout=60)
        if done.returncode:
            log = folder / "log"
            raise RuntimeError(f"{program}: {done.stdout}{done.stderr}{log.read_text() if log.exists() else ''}")

    try:
        run("initdb", "--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C", f"--username={user}")
        durable = "on" if fsync else "off"
        options = f"-k {folder} -c listen_addresses= -c fsync={durable} -c max_connections=40 -c deadlock_timeout=100ms"
        run("pg_ctl", "start", "-w", "-l", str(folder / "log"), "-o", options)
        try:
            yield Server(folder, user)
        finally:
            run("pg_ctl", "stop", "-w", "-m", "immediate")
    finally:
        shutil.rmtree(folder)


class Server:
    """Makes databases; `url(name)` is what the bridge's configuration takes."""

    def __init__(self, folder: Path, user: str) -> None:
        self.folder = folder
        self.user = user

    def url(self, name: str) -> str:
        return f"postgresql://{self.user}@/{name}?host={self.folder}"

    def create(self, name: str, template: str = "template0") -> str:
        self._execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return self.url(name)

    def drop(self, name: str) -> None:
        self._execute(f'DROP DATABASE "{name}" WITH (FORCE)')

    def _execute(self, statement: str) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(statement)
