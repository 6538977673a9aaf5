"""What an approval is: a signature over one plan, by a key that only a person can use. Pure: nothing is kept here.

A passphrase is stretched by scrypt into an Ed25519 key, of which only the public half is ever stored; a passkey
signs in its authenticator. Nothing on this side could make a signature, so whoever can write the store can't either.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
import time
from dataclasses import dataclass
from typing import Any

from .errors import Refused

__all__ = [
    "Approver",
    "WrongPassphrase",
    "challenge",
    "decode",
    "encode",
    "enroll",
    "enrolment",
    "fingerprint",
    "is_fingerprint",
    "marking",
    "passkey",
    "revocation",
    "sign",
    "statement",
    "strength",
    "verify",
]

Evidence = dict[str, str]

SCRYPT = (2**17, 8, 1)
"""n, r, p: 128 MB and about half a second for each guess."""
RP_ID = "localhost"
VERSION = 1

_MEMORY = 2**30
_LOWEST = 12
_DIFFERENT = 6
_WORDS = 4
_ORIGIN = re.compile(r"http://localhost(:\d{1,5})?\Z")
_FINGERPRINT = re.compile(r"SHA256:[A-Za-z0-9+/]{43}\Z")
_COMMON = (
    "password",
    "passwort",
    "passphrase",
    "qwerty",
    "letmein",
    "alembic",
    "admin",
    "1234",
    "abcd",
    "correct horse",
)


class WrongPassphrase(Refused):
    """The passphrase does not give the approver's key."""

    def __init__(self) -> None:
        super().__init__("The passphrase is not the approver's. Nothing was approved.", "Try again.")


@dataclass(frozen=True)
class Approver:
    """Somebody whose signature counts, as everybody may know them.

    Attributes:
        fingerprint: ``SHA256:`` and the base64 of the SHA-256 of kind and public key, unpadded.
        kind: ``passphrase`` or ``passkey``.
        public_key: Ed25519, raw 32 bytes; of a passkey its COSE key.
        salt: for scrypt, passphrase only; *scrypt* are its n, r, p.
        credential_id: of a passkey.
        added_by: fingerprint of the approver who signed this one in; None: the first.
        evidence: that signature, over `enrolment`.
        created: seconds since 1970; *revoked* likewise, None: still counts.
    """

    fingerprint: str
    name: str
    kind: str
    public_key: bytes
    salt: bytes = b""
    scrypt: tuple[int, int, int] = SCRYPT
    credential_id: bytes | None = None
    added_by: str | None = None
    evidence: Evidence | None = None
    created: float = 0.0
    revoked: float | None = None


def fingerprint(kind: str, public_key: bytes) -> str:
    """What an approver is pinned by."""
    hashed = hashlib.sha256(kind.encode() + b"\0" + public_key).digest()
    return f"SHA256:{base64.b64encode(hashed).decode().rstrip('=')}"


def is_fingerprint(text: str) -> bool:
    """True for the form of a fingerprint."""
    return _FINGERPRINT.match(text) is not None


def statement(plan_id: str, digest: str, shown: str, database_identity: str, expires: float) -> bytes:
    """What an approver of a plan signs.

    Args:
        plan_id: the plan's.
        digest: SHA-256 of what is done.
        shown: SHA-256 of all that the approver is shown about it.
        database_identity: see `Target`.
        expires: seconds since 1970, rounded down.
    """
    return _canonical(
        "alembic-mcp approval",
        plan=plan_id,
        digest=digest,
        shown=shown,
        database=database_identity,
        expires=int(expires),
    )


def enrolment(approver: Approver) -> bytes:
    """What an existing approver signs to let another one in."""
    return _canonical(
        "alembic-mcp further approver", fingerprint=approver.fingerprint, name=approver.name, kind=approver.kind
    )


def revocation(fingerprint_: str) -> bytes:
    """What an approver signs to end another one, or themselves."""
    return _canonical("alembic-mcp end of an approver", fingerprint=fingerprint_)


def marking(database_identity: str, environment: str, approvers: tuple[str, ...], now: float) -> bytes:
    """What an approver signs to loosen a database's own marks."""
    return _canonical(
        "alembic-mcp mark",
        database=database_identity,
        environment=environment,
        approvers=sorted(approvers),
        at=int(now),
    )


def challenge(statement_: bytes) -> bytes:
    """What a passkey is asked to sign for a statement: its SHA-256."""
    return hashlib.sha256(statement_).digest()


def strength(passphrase: str) -> str | None:
    """Why a passphrase is too weak to keep an agent with this computer from guessing it; None if it is not."""
    text = passphrase.strip()
    lowered = text.lower()
    if len(text) < _LOWEST:
        return f"it is shorter than {_LOWEST} characters; four words that have nothing to do with each other are good"
    if len(set(lowered)) < _DIFFERENT:
        return f"it has fewer than {_DIFFERENT} different characters"
    found = next((word for word in _COMMON if word in lowered), None)
    if found is not None:
        return f"it contains {found!r}, which is guessed first"
    words = [word for word in re.split(r"[\s_.-]+", lowered) if len(word) > 1]
    kinds = sum(bool(re.search(kind, text)) for kind in (r"[a-z]", r"[A-Z]", r"\d", r"[^A-Za-z0-9\s]"))
    if len(set(words)) < _WORDS and kinds < 3 and len(text) < 2 * _LOWEST:  # three of the four kinds
        return "it is neither four different words nor a mix of cases, digits and signs"
    return None


def enroll(name: str, passphrase: str, *, scrypt: tuple[int, int, int] = SCRYPT) -> Approver:
    """An approver whose key is stretched from *passphrase*; takes half a second and 128 MB.

    Raises:
        Refused: the passphrase is too weak.
    """
    weak = strength(passphrase)
    if weak is not None:
        raise Refused(f"The passphrase is too weak: {weak}.", "Choose another one.")
    import secrets

    salt = secrets.token_bytes(16)
    public = _key(passphrase, salt, scrypt).public_key().public_bytes_raw()
    return Approver(
        fingerprint=fingerprint("passphrase", public),
        name=name,
        kind="passphrase",
        public_key=public,
        salt=salt,
        scrypt=scrypt,
        created=time.time(),
    )


def passkey(name: str, public_key: bytes, credential_id: bytes) -> Approver:
    """An approver with a passkey that was just registered; *public_key* is its COSE key."""
    return Approver(
        fingerprint=fingerprint("passkey", public_key),
        name=name,
        kind="passkey",
        public_key=public_key,
        credential_id=credential_id,
        created=time.time(),
    )


def sign(approver: Approver, passphrase: str, statement_: bytes) -> Evidence:
    """The signature of a statement, as `verify` wants it; takes half a second.

    Raises:
        WrongPassphrase: it is not the approver's, or the record of the approver was tampered with.
    """
    if approver.kind != "passphrase":
        raise Refused(f"{approver.name} approves with a passkey.", "Open the approval page in a browser.")
    key = _key(passphrase, approver.salt, approver.scrypt)
    if key.public_key().public_bytes_raw() != approver.public_key:
        raise WrongPassphrase
    return {"kind": "passphrase", "signature": encode(key.sign(statement_))}


def verify(approver: Approver, statement_: bytes, evidence: Evidence) -> bool:
    """True if *evidence* proves that the approver signed this statement; never raises for what it is given."""
    if fingerprint(approver.kind, approver.public_key) != approver.fingerprint:
        return False
    if evidence.get("kind") != approver.kind:
        return False
    try:
        if approver.kind == "passphrase":
            return _verify_signature(approver.public_key, statement_, decode(evidence["signature"]))
        return _verify_passkey(approver, statement_, evidence)
    except (KeyError, ValueError, TypeError, AttributeError):
        return False


def encode(value: bytes) -> str:
    """Base64, as it stands in evidence."""
    return base64.b64encode(value).decode()


def decode(text: str) -> bytes:
    """Bytes from base64, ordinary or for URLs, padded or not. Raises ValueError."""
    try:
        return base64.b64decode(
            text.translate(str.maketrans("-_", "+/")).rstrip("=") + "=" * (-len(text.rstrip("=")) % 4)
        )
    except binascii.Error as error:
        raise ValueError(str(error)) from error


def _canonical(purpose: str, **values: Any) -> bytes:
    whole = {"purpose": purpose, "version": VERSION, **values}
    return json.dumps(whole, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()


def _key(passphrase: str, salt: bytes, scrypt: tuple[int, int, int]) -> Any:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    n, r, p = scrypt
    if 128 * n * r * p > _MEMORY:
        raise Refused("The record of this approver asks for absurd amounts of memory.", "Enrol the approver anew.")
    # Composed and decomposed forms of an accent are the same passphrase on every keyboard.
    import unicodedata

    secret = unicodedata.normalize("NFKC", passphrase.strip()).encode()
    stretched = hashlib.scrypt(secret, salt=salt, n=n, r=r, p=p, maxmem=2 * _MEMORY - 1, dklen=32)
    return Ed25519PrivateKey.from_private_bytes(stretched)


def _verify_signature(public_key: bytes, statement_: bytes, signature: bytes) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, statement_)
    except InvalidSignature:
        return False
    return True


def _verify_passkey(approver: Approver, statement_: bytes, evidence: Evidence) -> bool:
    from webauthn import verify_authentication_response
    from webauthn.helpers.exceptions import WebAuthnException
    from webauthn.helpers.structs import (
        AuthenticationCredential,
        AuthenticatorAssertionResponse,
    )

    if not _ORIGIN.match(evidence["origin"]) or evidence.get("rp_id", RP_ID) != RP_ID:
        return False
    raw_id = approver.credential_id or b""
    credential = AuthenticationCredential(
        id=base64.urlsafe_b64encode(raw_id).decode().rstrip("="),
        raw_id=raw_id,
        response=AuthenticatorAssertionResponse(
            client_data_json=decode(evidence["client_data"]),
            authenticator_data=decode(evidence["authenticator_data"]),
            signature=decode(evidence["signature"]),
        ),
    )
    try:
        verify_authentication_response(
            credential=credential,
            expected_challenge=challenge(statement_),
            expected_rp_id=RP_ID,
            expected_origin=evidence["origin"],
            credential_public_key=approver.public_key,
            # Nobody keeps a counter: the plan is consumed once, whatever is replayed.
            credential_current_sign_count=0,
            require_user_verification=True,
        )
    except WebAuthnException:
        return False
    return True
