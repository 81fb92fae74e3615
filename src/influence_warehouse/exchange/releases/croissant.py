"""The release as Croissant 1.0 metadata (MLCommons), for catalogues and data loaders.

Source: https://docs.mlcommons.org/croissant/docs/croissant-spec.html. Belongs here: files as
FileObjects with their digests, marts as RecordSets with described fields. Does not belong here:
the same for people (`card`).
"""

from pathlib import Path
from typing import Any

from influence_warehouse.exchange.releases.notes import Release, Table

_CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileProperty": "cr:fileProperty",
    "fileObject": "cr:fileObject",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
_FORMATS = {
    ".csv": "text/csv",
    ".json": "application/json",
    ".parquet": "application/x-parquet",
    ".yaml": "application/yaml",
}
_TYPES = {
    "BOOLEAN": "sc:Boolean",
    "INTEGER": "cr:Int32",
    "BIGINT": "cr:Int64",
    "FLOAT": "cr:Float32",
    "DOUBLE": "cr:Float64",
    "DATE": "sc:Date",
    "TIMESTAMP": "sc:DateTime",
}


def croissant(release: Release, folder: Path, sums: dict[str, str]) -> dict[str, Any]:
    """JSON-LD of a release whose files lie in `folder`; `sums` are their SHA-256 by name."""
    terms = release.terms
    described: dict[str, Any] = {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": release.study,
        "description": release.description or f"Influence study {release.study}.",
        "license": terms.licence,
        "citeAs": terms.citation,
        "version": terms.version,
        "creator": [{"@type": "sc:Person", "name": name} for name in terms.creators],
        "url": terms.url,
        "datePublished": release.last_made,
        "distribution": [
            _file(name, folder, digest)
            for name, digest in sums.items()
            if Path(name).suffix in _FORMATS
        ],
        "recordSet": [_records(table) for table in release.tables],
    }
    return {key: value for key, value in described.items() if value not in (None, [])}


def _file(name: str, folder: Path, digest: str) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": name,
        "name": name,
        "contentUrl": name,
        "contentSize": f"{(folder / name).stat().st_size} B",
        "encodingFormat": _FORMATS[Path(name).suffix],
        "sha256": digest,
    }


def _records(table: Table) -> dict[str, Any]:
    described = {
        "@type": "cr:RecordSet",
        "@id": table.name,
        "name": table.name,
        "description": table.description,
        "key": [{"@id": f"{table.name}/{column}"} for column in table.key],
        "field": [
            {
                "@type": "cr:Field",
                "@id": f"{table.name}/{column.name}",
                "name": column.name,
                "description": column.description,
                "dataType": _TYPES.get(column.type.removesuffix("[]"), "sc:Text"),
                **({"repeated": True} if column.type.endswith("[]") else {}),
                "source": {
                    "fileObject": {"@id": table.parquet},
                    "extract": {"column": column.name},
                },
            }
            for column in table.columns
        ],
    }
    return {key: value for key, value in described.items() if value != []}
