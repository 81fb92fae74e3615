"""Which facts the tables were built from: noted before a build, published with the tables."""

import json
from pathlib import Path

from influence_warehouse.lake.layout import Home
from influence_warehouse.lake.records import recorded_fingerprints

# In the published file; for `facts_changed_since`, not for analysts.
SCHEMA_ABOUT = "about"


def note_built_from(home: Home) -> None:
    """Note beside the build database which facts the marts are built from; before they are."""
    from influence_warehouse.lake.facts import write_atomically

    text = json.dumps(sorted(map(list, recorded_fingerprints(home)), key=str))
    write_atomically(built_from(home.build_database), lambda part: part.write_text(text))


def facts_changed_since(home: Home) -> list[str]:
    """Facts that were made anew, added or taken away since the published marts were built.

    Empty for a copy that is current, and for a study that was not run here.
    """
    import duckdb

    now = recorded_fingerprints(home)
    if not now:
        return []
    try:
        with duckdb.connect(str(home.database), read_only=True) as connection:
            rows = connection.execute(f"from {SCHEMA_ABOUT}.facts").fetchall()
    except duckdb.Error:
        return []  # whoever reads it next says what is wrong with it
    return sorted({fact for fact, *_ in now.symmetric_difference(rows)})


def built_from(built: Path) -> Path:
    """Where it is noted which facts the marts in a build database are built from."""
    return built.with_name(f"{built.name}.facts.json")
