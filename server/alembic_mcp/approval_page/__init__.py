"""The approval page: where a person looks at a plan and answers it, on this computer only."""

from __future__ import annotations

from .enrolment import Enrolment
from .page import ApprovalPage, enrol_passkey, sign_by_passkey
from .signing import Signing

__all__ = ["ApprovalPage", "Enrolment", "Signing", "enrol_passkey", "sign_by_passkey"]
