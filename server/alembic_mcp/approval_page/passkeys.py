"""Passkeys: what the browser is asked for, and what it answers with."""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from typing import Any

from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    options_to_json,
    verify_registration_response,
)
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from .. import approvals
from ..approvals import Approver
from ..errors import Refused

__all__ = ["assertion", "registered", "registration_options", "signing_options"]

RP_ID = approvals.RP_ID
TIMEOUT_MS = 120_000


def registration_options(name: str, challenge: bytes, known: Sequence[Approver]) -> dict[str, Any]:
    """For ``navigator.credentials.create``: a new passkey of *name*, on no authenticator that holds a *known* one."""
    options = generate_registration_options(
        rp_id=RP_ID,
        rp_name="alembic-mcp",
        user_name=name,
        user_id=secrets.token_bytes(32),
        challenge=challenge,
        timeout=TIMEOUT_MS,
        exclude_credentials=_descriptors(known),
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.DISCOURAGED, user_verification=UserVerificationRequirement.REQUIRED
        ),
    )
    return _as_json(options)


def registered(name: str, credential: object, challenge: bytes, origin: str) -> Approver:
    """The approver of a passkey that the browser has just made. Raises Refused if it isn't one we asked for."""
    try:
        found = verify_registration_response(
            credential=_as_credential(credential),
            expected_challenge=challenge,
            expected_rp_id=RP_ID,
            expected_origin=origin,
            require_user_verification=True,
        )
    except (WebAuthnException, ValueError, KeyError, TypeError) as error:
        raise Refused(f"The browser's passkey can't be used: {error}.", "Start the enrolment again.") from error
    return approvals.passkey(name, found.credential_public_key, found.credential_id)


def signing_options(statement: bytes, approvers: Sequence[Approver]) -> dict[str, Any]:
    """For ``navigator.credentials.get``: a signature over *statement* by the passkey of one of *approvers*."""
    options = generate_authentication_options(
        rp_id=RP_ID,
        challenge=approvals.challenge(statement),
        timeout=TIMEOUT_MS,
        allow_credentials=_descriptors(approvers),
        user_verification=UserVerificationRequirement.REQUIRED,
    )
    return _as_json(options)


def assertion(credential: object, approvers: Sequence[Approver], origin: str) -> tuple[Approver, approvals.Evidence]:
    """Who signed, as the browser says, and the evidence for `approvals.verify`, which decides whether it is true.

    Raises Refused where it isn't the answer of a passkey of one of *approvers*.
    """
    given = _as_credential(credential)
    response = given.get("response")
    try:
        raw_id = approvals.decode(str(given.get("rawId", "")))
        person = next(
            one for one in approvers if one.credential_id and secrets.compare_digest(one.credential_id, raw_id)
        )
        if not isinstance(response, dict):
            raise ValueError("no response")  # noqa: TRY004, TRY301 - one answer to all that is malformed
        parts = {
            "client_data": response["clientDataJSON"],
            "authenticator_data": response["authenticatorData"],
            "signature": response["signature"],
        }
        evidence = {key: approvals.encode(approvals.decode(value)) for key, value in parts.items()}
    except (StopIteration, KeyError, ValueError, AttributeError) as error:
        raise Refused(
            "This is not the passkey of an approver of this plan. Nothing was approved.", "Use an enrolled passkey."
        ) from error
    return person, {"kind": "passkey", **evidence, "origin": origin, "rp_id": RP_ID}


def _as_credential(credential: object) -> dict[str, Any]:
    if not isinstance(credential, dict):
        raise Refused("The browser sent no passkey. Nothing was done.", "Reload the page, and try again.")
    return credential


def _descriptors(approvers: Sequence[Approver]) -> list[PublicKeyCredentialDescriptor]:
    return [PublicKeyCredentialDescriptor(id=one.credential_id) for one in approvers if one.credential_id]


def _as_json(options: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(options_to_json(options))
    return found
