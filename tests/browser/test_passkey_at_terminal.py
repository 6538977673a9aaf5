"""What a terminal begins, a passkey signs in the browser: enrolments, revocations, marks, plans."""

import re
import sys

import pytest
from chromium import add_authenticator, browser, needs_browser, until
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from sitting import at_terminal, run
from tiny_projects import Place, make

from alembic_mcp import approvals

pytestmark = [needs_browser]

PYTHON = ["--python", sys.executable]
BOB = "red harbour autumn two"


@pytest.fixture
def driver():
    with browser() as driver:
        add_authenticator(driver)
        yield driver


def status(driver):
    return driver.find_element(By.ID, "status").text


def address(sitting, words):
    """Wait for the address that the terminal shows."""
    sitting.until("Open http://localhost:").until(words)
    return re.findall(r"http://localhost:\d+/(?:sign|enroll)", sitting.shown)[-1]


def enrolled(driver, name, cwd):
    """Enrol the first approver by passkey, from a terminal; what the terminal showed."""
    with at_terminal("approver", "enroll", name, "--passkey", cwd=cwd) as person:
        driver.get(address(person, "type this code there: "))
        code = person.until("\n").shown.rpartition("there: ")[2].split()[0]
        driver.find_element(By.ID, "code").send_keys(code + Keys.ENTER)
        until(driver, lambda driver: "Enrolled" in status(driver))
        code, shown = person.end()
    assert code == 0, shown
    return shown


def sign(driver, sitting, *words):
    """Sign what the terminal has begun; the page says what that is."""
    driver.get(address(sitting, "sign there with your passkey"))
    text = driver.find_element(By.ID, "signing").text
    assert all(word in text for word in words), text
    driver.find_element(By.CSS_SELECTOR, "#sign button").send_keys(Keys.ENTER)
    until(driver, lambda driver: "Signed by" in status(driver))
    code, shown = sitting.end()
    assert code == 0, shown
    return shown


def test_a_passkey_is_enrolled_lets_somebody_in_and_ends_them(tmp_path, driver, store):
    shown = enrolled(driver, "Ann's laptop", tmp_path)
    [laptop] = store.approvers()
    assert laptop.fingerprint in shown
    with at_terminal("approver", "enroll", "Bob", cwd=tmp_path) as person:
        person.until("A passphrase for Bob: ").type(BOB).until("Once more: ").type(BOB)
        sign(driver, person, "Let Bob in", "Ann's laptop")
    _, bob = store.approvers()
    assert (bob.kind, bob.added_by) == ("passphrase", laptop.fingerprint)
    assert set(store.trusted()) == {laptop.fingerprint, bob.fingerprint}
    revoke = ["approver", "revoke", bob.fingerprint, "--as", laptop.fingerprint]
    with at_terminal(*revoke, cwd=tmp_path) as person:
        sign(driver, person, "Revoke", bob.fingerprint, "Bob")
    assert list(store.trusted()) == [laptop.fingerprint]
    assert run("audit", "verify", cwd=tmp_path).returncode == 0


def test_a_passkey_loosens_a_mark_and_approves_a_plan(tmp_path, database, driver, store):
    folder = make(tmp_path / "shop", url=Place(database.url(), database.run).url)
    enrolled(driver, "Ann's laptop", folder)
    [laptop] = store.approvers()
    with at_terminal("mark", "production", "--approver", laptop.fingerprint, *PYTHON, cwd=folder) as person:
        person.until("to mark it: ").type(database.name)
        assert person.end()[0] == 0
    plan = re.search(r"Plan (\S+) \(digest", run("plan", "upgrade", *PYTHON, cwd=folder).stdout)[1]
    with at_terminal("approve", plan, cwd=folder) as person:
        assert "Approved" in sign(driver, person, "Approve a plan", plan, store.get(plan).digest)
    evidence = store.get(plan).evidence
    assert approvals.verify(laptop, store.get(plan).to_sign, evidence)
    upgraded = run("upgrade", "--plan", plan, *PYTHON, cwd=folder)
    assert upgraded.returncode == 0, upgraded.stdout
    with at_terminal("mark", "development", "--no-approver", *PYTHON, cwd=folder) as person:
        shown = sign(
            driver, person, f"Loosen the marks of {database.name}", "It will be marked development", "not pinned"
        )
    assert "is marked development" in shown
    assert store.verify_audit() == []


def test_a_passkey_that_is_not_used_does_nothing(tmp_path, driver, store):
    enrolled(driver, "Ann's laptop", tmp_path)
    [laptop] = store.approvers()
    with at_terminal("approver", "revoke", laptop.fingerprint, cwd=tmp_path) as person:
        page = address(person, "sign there with your passkey")
        driver.set_user_verified(verified=False)
        driver.get(page)
        driver.find_element(By.CSS_SELECTOR, "#sign button").send_keys(Keys.ENTER)
        until(driver, lambda driver: "was not used" in status(driver))
        person.interrupt()
        code, shown = person.end()
    assert code == 130, shown
    assert list(store.trusted()) == [laptop.fingerprint]
