"""The place of a study's facts: the home's own folder, or one in object storage, chosen once.

Belongs here: taking an address, and refusing one that would part a study's facts. Does not
belong here: reading and writing there (`object_storage`).
"""

import re
from contextlib import suppress

from influence_warehouse.errors import StudyError
from influence_warehouse.lake.facts import write_atomically
from influence_warehouse.lake.layout import Home
from influence_warehouse.lake.object_storage import folder_at, require_reachable

# SQL and dbt read other characters as a pattern, a quote or a template, addresses as a query.
_ADDRESS = re.compile(r"s3://[a-z0-9][a-z0-9.-]+[a-z0-9](?:/(?!\.)[A-Za-z0-9_.=+-]+)*/*")


def keep_facts_at(home: Home, url: str) -> None:
    """Have a study's facts under `<url>/<study>/lake` from now on.

    The home remembers it, so that no later command has to be told. Raises StudyError for an
    address that cannot be used, and when the study has facts elsewhere: a second, empty place
    would silently start the study anew. Raises WarehouseError when there is no such bucket.
    """
    if not _ADDRESS.fullmatch(url):
        raise StudyError(
            f"--facts {url}: is no address of object storage. Remedy: write s3://BUCKET or "
            "s3://BUCKET/FOLDER with letters, digits and . _ = + - alone; credentials belong in "
            "AWS' own variables or files."
        )
    chosen, place = home.facts_url, f"{url.rstrip('/')}/{home.study}/lake"
    if chosen == place:
        return
    if chosen is not None:
        raise StudyError(
            f"{home.facts_url_file}: the facts of {home.study} are at {chosen}, not at {place}. "
            "Remedy: leave --facts out. To move them, copy the objects, delete this file, and run "
            f"with --facts {url}."
        )
    local = home.path / "lake"
    if any(local.rglob("*.parquet")):
        raise StudyError(
            f"{local}: holds facts of {home.study} already. Remedy: leave --facts out. To move "
            f"them, copy this folder to {place}, delete it, and run with --facts {url}."
        )
    require_reachable(folder_at(place))
    text = f"{place}\n"
    write_atomically(home.facts_url_file, lambda part: part.write_text(text, encoding="utf-8"))
    with suppress(OSError):
        local.rmdir()
