"""A signature counts for one statement by one key; a weak passphrase, another key or another byte does not."""

import json
from dataclasses import replace

import pytest
from approval_desk import PASSPHRASE, QUICK

from alembic_mcp import approvals
from alembic_mcp.approvals import WrongPassphrase
from alembic_mcp.errors import Refused

STATEMENT = approvals.statement("p1", "d" * 64, "s" * 64, "postgresql:1:app", 1_800_000_000.9)


@pytest.fixture(scope="module")
def ada():
    return approvals.enroll("Ada", PASSPHRASE, scrypt=QUICK)


@pytest.fixture(scope="module")
def eve():
    return approvals.enroll("Eve", "green window summer nine", scrypt=QUICK)


def test_what_the_approver_signed_verifies(ada):
    evidence = approvals.sign(ada, PASSPHRASE, STATEMENT)
    assert approvals.verify(ada, STATEMENT, evidence)
    assert PASSPHRASE not in json.dumps(evidence)
    assert approvals.is_fingerprint(ada.fingerprint)


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(
            approvals.statement("p2", "d" * 64, "s" * 64, "postgresql:1:app", 1_800_000_000), id="another plan"
        ),
        pytest.param(
            approvals.statement("p1", "d" * 64, "t" * 64, "postgresql:1:app", 1_800_000_000), id="shown otherwise"
        ),
        pytest.param(
            approvals.statement("p1", "e" * 64, "s" * 64, "postgresql:1:app", 1_800_000_000), id="another digest"
        ),
        pytest.param(
            approvals.statement("p1", "d" * 64, "s" * 64, "postgresql:2:app", 1_800_000_000), id="another database"
        ),
        pytest.param(
            approvals.statement("p1", "d" * 64, "s" * 64, "postgresql:1:app", 1_900_000_000), id="another expiry"
        ),
        pytest.param(approvals.revocation("p1"), id="another purpose"),
        pytest.param(b"", id="nothing"),
    ],
)
def test_it_verifies_for_nothing_else(ada, other):
    assert not approvals.verify(ada, other, approvals.sign(ada, PASSPHRASE, STATEMENT))


@pytest.mark.parametrize(
    "evidence",
    [
        pytest.param({}, id="nothing"),
        pytest.param({"kind": "passphrase", "signature": ""}, id="empty"),
        pytest.param({"kind": "passphrase", "signature": "!"}, id="no base64"),
        pytest.param({"kind": "passphrase", "signature": "AAAA"}, id="too short"),
        pytest.param({"kind": "passphrase", "signature": None}, id="null"),
        pytest.param({"kind": "passkey", "signature": "AAAA", "origin": "http://localhost"}, id="another kind"),
    ],
)
def test_what_is_no_signature_is_false_and_no_error(ada, evidence):
    assert approvals.verify(ada, STATEMENT, evidence) is False


def test_another_approver_did_not_sign(ada, eve):
    assert not approvals.verify(eve, STATEMENT, approvals.sign(ada, PASSPHRASE, STATEMENT))


def test_a_replaced_public_key_does_not_keep_the_fingerprint(ada, eve):
    impostor = replace(eve, fingerprint=ada.fingerprint, name="Ada")
    evidence = approvals.sign(impostor, "green window summer nine", STATEMENT)
    assert not approvals.verify(impostor, STATEMENT, evidence)


def test_a_wrong_passphrase_signs_nothing(ada):
    with pytest.raises(WrongPassphrase) as caught:
        approvals.sign(ada, "blue tractor winter eight", STATEMENT)
    assert "eight" not in str(caught.value)


@pytest.mark.parametrize("changes", [{"salt": b"0" * 16}, {"scrypt": (2**5, 8, 1)}], ids=["salt", "cost"])
def test_a_changed_record_makes_the_right_passphrase_a_wrong_one(ada, changes):
    with pytest.raises(WrongPassphrase):
        approvals.sign(replace(ada, **changes), PASSPHRASE, STATEMENT)


def test_a_record_that_asks_for_absurd_memory_is_refused(ada):
    with pytest.raises(Refused, match="memory"):
        approvals.sign(replace(ada, scrypt=(2**30, 8, 1)), PASSPHRASE, STATEMENT)


@pytest.mark.parametrize(
    ("passphrase", "why"),
    [
        ("short", "shorter"),
        ("aaaaaaaaaaaaaaaa", "different characters"),
        ("password password one", "guessed first"),
        ("abcdefghijkl", "guessed first"),
        ("tractorwinter", "neither"),
    ],
)
def test_a_weak_passphrase_is_refused_and_says_why(passphrase, why):
    assert why in approvals.strength(passphrase)
    with pytest.raises(Refused, match="too weak"):
        approvals.enroll("Ada", passphrase, scrypt=QUICK)


@pytest.mark.parametrize("passphrase", [PASSPHRASE, "tR4ctor!winter7", "ein blauer Traktor im Winter"])
def test_a_strong_one_is_taken(passphrase):
    assert approvals.strength(passphrase) is None


def test_composed_and_decomposed_accents_are_the_same_passphrase():
    made = approvals.enroll("Zoé", "caf\u00e9 tractor winter seven", scrypt=QUICK)
    evidence = approvals.sign(made, "cafe\u0301 tractor winter seven", STATEMENT)
    assert approvals.verify(made, STATEMENT, evidence)


def test_the_real_cost_is_what_it_was_designed_to_be():
    assert approvals.SCRYPT == (2**17, 8, 1)
