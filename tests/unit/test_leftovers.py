"""What killed processes left is removed; what living ones write, and all else, is kept."""

import os
import subprocess
import sys
from pathlib import Path

from influence_warehouse.lake.leftovers import part_beside, remove_leftovers, scratch_folder

LEAVE = (
    "import os, sys\n"
    "from pathlib import Path\n"
    "from influence_warehouse.lake.leftovers import part_beside, scratch_folder\n"
    "place = Path(sys.argv[1])\n"
    "part = part_beside(place / 'documents.parquet')\n"
    "part.write_text('half')\n"
    "part.with_name(part.name + '.wal').write_text('log')\n"
    "part_beside(place / 'report').with_suffix('.old').mkdir()\n"
    "scratch = scratch_folder(place)\n"
    "(Path(scratch.name) / 'scores').write_text('half')\n"
    "os._exit(9)\n"
)


def test_only_what_the_dead_left_is_removed(tmp_path):
    place = tmp_path / "lake"
    place.mkdir()
    mine = part_beside(place / "documents.parquet")
    elsewhere = place / mine.name.replace(mine.name.split(".")[3], "0123abcd-1-89abcdef")
    for path in (mine, elsewhere, place / "documents.parquet", place / ".hidden.part"):
        path.write_text("keep")
    before = set(tmp_path.rglob("*"))
    subprocess.run([sys.executable, "-c", LEAVE, str(place)], check=False)
    assert len(set(place.iterdir())) == len(before) - 1 + 4
    with scratch_folder(place) as folder:
        assert remove_leftovers(tmp_path) == 4
        assert Path(folder).is_dir()
    assert set(tmp_path.rglob("*")) == before


def test_a_process_of_another_user_counts_as_living(tmp_path, monkeypatch):
    part = part_beside(tmp_path / "fact")
    part.write_text("half")

    def refuse(*_):
        raise PermissionError

    monkeypatch.setattr(os, "kill", refuse)
    assert remove_leftovers(tmp_path) == 0
