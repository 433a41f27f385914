"""A key that only this user's own runs know, and seals made with it, which others cannot make."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import secrets
from pathlib import Path

_KEY_BYTES = 32
_NAME = "key"


def kept_key(folder: Path) -> bytes:
    """The key that ``folder`` keeps for this user, made where there is none; a new one where none can be kept."""
    key = secrets.token_bytes(_KEY_BYTES)
    path = folder / _NAME
    if not folder.is_absolute():  # nobody knows where this user's files are
        return key
    with contextlib.suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
            with open(descriptor, "wb") as stream:
                stream.write(key)
            return key
        with open(path, "rb") as stream:
            kept = stream.read(_KEY_BYTES)
        if len(kept) == _KEY_BYTES:
            return kept
        path.unlink()  # damaged, or another process writes it now: the next run has one
    return key


def seal(key: bytes, content: bytes) -> str:
    """What nobody can make without the key, in hexadecimal."""
    return hmac.new(key, content, hashlib.sha256).hexdigest()
