"""Fingerprints: what a fact was made from, so that it is remade exactly when that changes.

A fingerprint is a digest over named parts (inputs, study sections, code version, model,
dtype, upstream fingerprints). The parts travel with the fact, so that a mismatch can be
explained part by part. Times, paths and host names are never parts: equal inputs on two
machines give equal fingerprints.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any


def digest_of(value: Any) -> str:
    """SHA-256 (first 16 hex digits) of a JSON-serializable value, keys sorted."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def digest_of_ids(ids: Iterable[str]) -> str:
    """SHA-256 (hex) over ids of documents, sorted, one a line."""
    return hashlib.sha256("".join(f"{each}\n" for each in sorted(ids)).encode()).hexdigest()


def sha256_of_file(path: Path) -> str:
    """SHA-256 of a file in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def cached_digest_of_file(path: Path) -> str:
    """`digest_of_file`, once per process for a file of the same size and time of change."""
    state = path.stat()
    return _cached_digest(path, state.st_size, state.st_mtime_ns)


@lru_cache(maxsize=4096)
def _cached_digest(path: Path, size: int, changed: int) -> str:
    return digest_of_file(path)


def digest_of_file(path: Path) -> str:
    """SHA-256 (first 16 hex digits) of a file, or of a folder's files by name and content."""
    if path.is_file():
        return sha256_of_file(path)[:16]
    files = (file for file in path.rglob("*") if file.is_file())
    return digest_of({file.relative_to(path).as_posix(): sha256_of_file(file) for file in files})


@dataclass(frozen=True)
class Fingerprint:
    """Digest and parts of what made one fact."""

    fact: str
    parts: Mapping[str, Any]

    @classmethod
    def of(cls, fact: str, **parts: Any) -> "Fingerprint":
        """Fingerprint of `fact` from its parts."""
        # A copy: who made the parts may go on changing them.
        return cls(fact, deepcopy(parts))

    @property
    def digest(self) -> str:
        return digest_of({"fact": self.fact, **self.parts})

    def differences(self, other: "Fingerprint") -> list[str]:
        """One line per part that differs between this fingerprint and `other`."""
        names = sorted({*self.parts, *other.parts})
        return [
            f"{name}: {self.parts.get(name)!r} here, {other.parts.get(name)!r} there"
            for name in names
            if self.parts.get(name) != other.parts.get(name)
        ]

    def to_json(self) -> str:
        return json.dumps({"fact": self.fact, "parts": dict(self.parts)}, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> "Fingerprint":
        content = json.loads(text)
        return cls(content["fact"], content["parts"])
