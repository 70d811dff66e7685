"""A certificate authority of its own, and the certificate the local APNs shows."""

from __future__ import annotations

import datetime
import ipaddress
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

CA_FILE = "ca.pem"
SERVER_FILE = "server.pem"
SERVER_KEY_FILE = "server-key.pem"

_DAY = datetime.timedelta(days=1)
_LIFETIME = 3650 * _DAY


@dataclass(frozen=True, slots=True)
class Certificate:
    """What a TLS server needs, and what its clients need to trust it; all PEM."""

    ca: bytes
    server: bytes
    server_key: bytes = field(repr=False)

    def is_for(self, host: str) -> bool:
        """Whether clients may reach the server under this name or address."""
        names = x509.load_pem_x509_certificate(self.server).extensions.get_extension_for_class(
            x509.SubjectAlternativeName
        )
        return _general_name(host) in names.value

    def write(self, folder: Path) -> None:
        """Put the three files into a folder, the key readable by its owner only."""
        (folder / CA_FILE).write_bytes(self.ca)
        (folder / SERVER_FILE).write_bytes(self.server)
        write_private(folder / SERVER_KEY_FILE, self.server_key)


def read_certificate(folder: Path) -> Certificate:
    """What ``write`` has put there."""
    return Certificate(
        (folder / CA_FILE).read_bytes(),
        (folder / SERVER_FILE).read_bytes(),
        (folder / SERVER_KEY_FILE).read_bytes(),
    )


def make_certificate(host: str) -> Certificate:
    """A new authority, and a certificate of it for this host, localhost and the loopback.

    It carries the extensions that strict verification asks for (RFC 5280; Python's default since
    3.13): key usage, and the identifiers of the keys.

    Args:
        host: A name or an address.
    """
    ca_key = ec.generate_private_key(ec.SECP256R1())
    ca_name = _name("Local APNs CA")
    ca_id = x509.SubjectKeyIdentifier.from_public_key(ca_key.public_key())
    ca = (
        _builder(ca_name, ca_name, ca_key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(ca=True), critical=True)
        .add_extension(ca_id, critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    server_key = ec.generate_private_key(ec.SECP256R1())
    server = (
        _builder(_name("Local APNs"), ca_name, server_key.public_key())
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(ca=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(_names_of(host)), critical=False)
        .add_extension(
            x509.SubjectKeyIdentifier.from_public_key(server_key.public_key()), critical=False
        )
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(ca_id), critical=False
        )
        .sign(ca_key, hashes.SHA256())
    )
    return Certificate(
        ca.public_bytes(serialization.Encoding.PEM),
        server.public_bytes(serialization.Encoding.PEM),
        server_key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
    )


def write_private(file: Path, content: bytes) -> None:
    """Write a file that only its owner may read."""
    file.touch(mode=0o600)
    file.write_bytes(content)


def _builder(
    subject: x509.Name, issuer: x509.Name, public_key: ec.EllipticCurvePublicKey
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _DAY)
        .not_valid_after(now + _LIFETIME)
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _key_usage(*, ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not ca,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=ca,
        crl_sign=ca,
        encipher_only=False,
        decipher_only=False,
    )


def _names_of(host: str) -> list[x509.GeneralName]:
    names = dict.fromkeys((host, "localhost", "127.0.0.1", "::1"))
    return [_general_name(name) for name in names]


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
