"""Secrets stay out of what the project writes: what counts as one, and its replacement.

Belongs here: names of environment variables that hold secrets, texts that carry credentials.
"""

import os
import re

HIDDEN = "[hidden]"
# Shorter values are words that texts hold by chance.
_SHORTEST = 8
# Parts of words that say it, and whole words of a name whose words `_` separates: GITHUB_PAT.
_SECRET_NAME = re.compile(
    r"token|secret|passw|passphrase|credential|apikey|accesskey|privatekey"
    r"|(?:^|_)(?:keys?|pat|pwd|auth|dsn|cookie)(?:_|$)",
    re.IGNORECASE,
)
_FOLDERS = ("PWD", "OLDPWD")  # the shell's current folder and the one before
_IN_ADDRESS = re.compile(r"(?<=://)[^\s/@]+(?=@)")
_KNOWN_TOKENS = re.compile(
    r"\bhf_[A-Za-z0-9]{20,}|\bA[KS]IA[A-Z0-9]{16}\b|\bgh[pousr]_[A-Za-z0-9]{30,}"
    r"|\bgithub_pat_[A-Za-z0-9_]{30,}|\bglpat-[A-Za-z0-9_-]{20,}|\bsk-[A-Za-z0-9_-]{20,}"
    r"|\bxox[abprs]-[A-Za-z0-9-]{10,}"
)


def is_secret_name(variable: str) -> bool:
    """Whether an environment variable's name says that its value is a secret: HF_TOKEN."""
    return variable not in _FOLDERS and _SECRET_NAME.search(variable) is not None


def carries_credentials(text: str) -> bool:
    """Whether a text holds a user's name or password in an address, or a well-known token."""
    return bool(_IN_ADDRESS.search(text) or _KNOWN_TOKENS.search(text))


def redacted(text: str) -> str:
    """`text` without credentials and without the values of secret environment variables."""
    values = {
        value
        for name, value in os.environ.items()
        if is_secret_name(name) and len(value) >= _SHORTEST
    }
    # The longest first: one secret may be part of another.
    for value in sorted(values, key=len, reverse=True):
        text = text.replace(value, HIDDEN)
    return _KNOWN_TOKENS.sub(HIDDEN, _IN_ADDRESS.sub(HIDDEN, text))
