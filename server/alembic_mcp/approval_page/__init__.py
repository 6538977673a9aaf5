"""The approval page: where a person looks at a plan and answers it, on this computer only."""

from __future__ import annotations

from .enrolment import Enrolment
from .page import ApprovalPage, enrol_passkey

__all__ = ["ApprovalPage", "Enrolment", "enrol_passkey"]
