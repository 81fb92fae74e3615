"""Dagster's page of a study, as `influence ui` starts it, and what it answers.

Belongs here: starting and asking. Does not belong here: assertions on a study.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def ask(port: int, query: str) -> dict:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/graphql",
        data=json.dumps({"query": query}).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return listening.getsockname()[1]


@contextmanager
def started_page(tmp_path: Path, study: Path, warehouse: Path) -> Iterator[int]:
    """Port of `influence ui`, started in a folder of Python files that leave a mark."""
    folder, port = tmp_path / "hostile", free_port()
    folder.mkdir()
    for name in ("dbt", "dagster", "dagster_dbt", "dagster_project", "json", "torch", "uvicorn"):
        mark = f"open({str(tmp_path / 'mark')!r}, 'w').write({name!r})\n"
        (folder / f"{name}.py").write_text(mark)
    command = [str(Path(sys.executable).with_name("influence")), "ui", "--port", str(port)]
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(
            [*command, "--study", str(study)],
            cwd=folder,
            env={**os.environ, "INFLUENCE_WAREHOUSE": str(warehouse)},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        until = time.monotonic() + 240
        while True:
            assert process.poll() is None, (tmp_path / "log").read_text()
            assert time.monotonic() < until, (tmp_path / "log").read_text()
            try:
                ask(port, "{ version }")
                break
            except (urllib.error.URLError, ConnectionError):
                time.sleep(0.5)
        yield port
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(timeout=60)
