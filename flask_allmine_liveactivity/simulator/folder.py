"""The files of a local APNs: its certificate, and the signing key of its developer account."""

from __future__ import annotations

import shutil
import tempfile
import uuid
from pathlib import Path

from flask_allmine_liveactivity.simulator.certificate import (
    CA_FILE,
    Certificate,
    make_certificate,
    read_certificate,
    write_private,
)
from flask_allmine_liveactivity.simulator.keys import make_signing_key, read_signing_key, to_pem


class Folder:
    """A folder with certificate and signing key: those that are there already, or new ones.

    Args:
        path: Where; without it, a temporary one.
        host: That the certificate is for.
        key_id: Of the signing key; its file is named after it, as Apple does.
    """

    def __init__(self, path: str | Path | None, *, host: str, key_id: str) -> None:
        self._is_temporary = path is None
        self.path = Path(path or Path(tempfile.gettempdir()) / f"local-apns-{uuid.uuid4()}")
        self.key_file = self.path / f"AuthKey_{key_id}.p8"
        if self.key_file.exists():
            self.signing_key = read_signing_key(self.key_file)
        else:
            self.signing_key = make_signing_key()
        self._certificate = self._left(host) or make_certificate(host)

    def _left(self, host: str) -> Certificate | None:
        """The certificate that is there already, if it is for this host."""
        if not self.ca_file.exists():
            return None
        certificate = read_certificate(self.path)
        return certificate if certificate.is_for(host) else None

    @property
    def ca_file(self) -> Path:
        """The file of the authority that clients must trust."""
        return self.path / CA_FILE

    def write(self) -> None:
        """Put the files there."""
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._certificate.write(self.path)
        write_private(self.key_file, to_pem(self.signing_key).encode())

    def remove_if_temporary(self) -> None:
        """Leave nothing behind, unless the folder was given."""
        if self._is_temporary:
            shutil.rmtree(self.path, ignore_errors=True)
