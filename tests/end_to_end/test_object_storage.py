"""A whole study with its facts in object storage, killed once: the facts of files, and no secret.

What is computed is compared with the folder's study, whose facts are files.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from upath import UPath

from influence_warehouse.lake.layout import EMPTY_FACT
from tests.end_to_end.conftest import SmallWorld, influence
from tests.end_to_end.test_run import FACTS, facts_of
from tests.object_storage import SECRET

pytestmark = [pytest.mark.slow, pytest.mark.alone]


def objects_of(lake: UPath) -> dict[str, bytes]:
    return {
        str(path.relative_to(lake)): path.read_bytes()
        for path in sorted(lake.rglob("*.parquet"))
        if not path.name.endswith(EMPTY_FACT)
    }


def test_a_killed_run_ends_with_the_facts_of_files(world: SmallWorld, bucket: str, tmp_path: Path):
    root = tmp_path / "warehouse"
    # The model is kept: its training is tested apart and would take most of the time.
    shutil.copytree(world.home.model, root / "small" / "model")
    lake = UPath(f"{bucket}/influence/small/lake", use_listings_cache=False)
    _kill_at_first_shard(root, world.file, f"{bucket}/influence", lake)
    study = str(world.file)
    killed = objects_of(lake)
    assert len(killed) < len(facts_of(world.root))

    finished = influence(root, "run", study)
    assert finished.status == 0, finished.error
    assert objects_of(lake) == facts_of(world.root)
    assert {name.split("/")[0].removesuffix(".parquet") for name in objects_of(lake)} == FACTS
    assert not (root / "small" / "lake").exists()

    status = influence(root, "status", study)
    assert f"facts        {lake}" in status.out.splitlines()
    assert not {"stale", "missing", "failed"} & set(status.out.split()), status.out
    release = tmp_path / "release"
    exported = influence(root, "export", study, "--to", str(release))
    assert exported.status == 0, exported.error
    assert (release / "manifests" / "sampling_manifest.parquet").is_file()
    elsewhere = influence(root, "run", study, "--facts", f"{bucket}/elsewhere")
    assert elsewhere.status == 1
    assert "leave --facts out" in elsewhere.error

    written = [path for path in (*root.rglob("*"), *release.rglob("*")) if path.is_file()]
    assert not [path for path in written if SECRET.encode() in path.read_bytes()]
    assert SECRET not in "".join(f"{run.out}{run.error}" for run in (finished, status, exported))


def _kill_at_first_shard(root: Path, study: Path, facts: str, lake: UPath) -> None:
    process = subprocess.Popen(
        [str(Path(sys.executable).with_name("influence")), "run", str(study), "--facts", facts],
        env={**os.environ, "INFLUENCE_WAREHOUSE": str(root)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    while (
        process.poll() is None
        and not (lake / "document_scores" / "base+trackstar+00000.parquet").exists()
    ):
        time.sleep(0.2)
    os.killpg(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL, "it ended before it could be killed"


def test_storage_that_does_not_answer_is_one_readable_error(
    world: SmallWorld, storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    finished = influence(tmp_path, "run", str(world.file), "--facts", "s3://bucket")
    assert finished.status == 1
    assert "s3://bucket/small/lake: cannot be reached" in finished.error
    assert "Traceback" not in finished.error
    assert SECRET not in finished.error
