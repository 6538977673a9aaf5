"""The approval page in a real browser: by keyboard, by passkey, without scripts, and from pages that mean harm."""

import http.server
import re
import threading
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from anyio import create_memory_object_stream, create_task_group, fail_after
from anyio.to_thread import run_sync
from approval_desk import PASSPHRASE, desk_at
from chromium import add_authenticator, browser, needs_browser, until
from mcp import Client
from mcp_types import ElicitResult
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select
from stdio_client import ERAS

from alembic_mcp import approvals
from alembic_mcp.approval_page import ApprovalPage, Enrolment, enrol_passkey
from alembic_mcp.serve import build_server
from alembic_mcp.workflows import approve

pytestmark = [pytest.mark.anyio, needs_browser]


@pytest.fixture
async def desk(opened, tmp_path, db):
    async with desk_at(opened, tmp_path / "shop", db) as desk, ApprovalPage(desk.app) as desk.app.page:
        yield desk


@pytest.fixture
def driver():
    with browser() as driver:
        yield driver


def script(name):
    return (Path(__file__).parent / name).read_text()


def text(driver):
    return driver.find_element(By.TAG_NAME, "body").text


def says(words):
    def look(driver):
        try:
            return words in text(driver)
        except StaleElementReferenceException:
            return False

    return look


def focused(driver):
    return driver.switch_to.active_element.get_attribute("id")


def tab_to(driver, id_):
    for _ in range(60):
        driver.switch_to.active_element.send_keys(Keys.TAB)
        if focused(driver) == id_:
            return driver.switch_to.active_element
    raise AssertionError(f"the keyboard does not reach {id_}")


def fill_in(driver, name="app.db", passphrase=PASSPHRASE):
    driver.find_element(By.ID, "name").send_keys(name)
    driver.find_element(By.ID, "passphrase").send_keys(passphrase + Keys.ENTER)


def complaints(driver):
    return [entry["message"] for entry in driver.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")]


# Answering


async def test_by_keyboard_alone_a_plan_is_approved_and_its_run_is_followed(desk, driver):
    plan = await desk.plan()
    address = await desk.app.approval_address(plan)

    def answer():
        driver.get(address)
        tab_to(driver, "name").send_keys("app.db")
        tab_to(driver, "passphrase").send_keys(PASSPHRASE + Keys.ENTER)
        until(driver, says("Approved by Ann"))

    await run_sync(answer)
    report = await desk.ask()
    assert report.applied is True

    def see():
        until(driver, says("Downgraded app.db from b2 to a1"))
        return driver.find_element(By.ID, "outcome").get_attribute("aria-live"), complaints(driver)

    live, problems = await run_sync(see)
    assert live == "polite"
    assert problems == []


async def test_a_wrong_passphrase_is_told_where_the_focus_is(desk, driver):
    address = await desk.app.approval_address(await desk.plan())

    def answer():
        driver.get(address)
        fill_in(driver, passphrase="wrong wrong wrong 12")
        until(driver, says("not the approver's"))
        return focused(driver), text(driver)

    focus, words = await run_sync(answer)
    assert focus == "error"
    assert "1 of 5 attempts were wrong" in words


async def test_a_wrong_name_is_not_even_sent(desk, driver):
    plan = await desk.plan()
    address = await desk.app.approval_address(plan)

    def answer():
        driver.get(address)
        fill_in(driver, name="app")
        return driver.execute_script("return document.querySelector('form.approve').checkValidity()")

    assert await run_sync(answer) is False
    assert await desk.state(plan) == "open"


async def test_without_scripts_the_passphrase_way_works(desk):
    plan = await desk.plan()
    address = await desk.app.approval_address(plan)

    def answer():
        with browser(javascript=False) as driver:
            driver.get(address)
            assert not driver.find_elements(By.CSS_SELECTOR, ".passkey:not([hidden])")
            fill_in(driver)
            until(driver, says("Approved by Ann"))

    await run_sync(answer)
    assert await desk.state(plan) == "approved"


async def test_declining_shows_the_reason_and_ends_the_form(desk, driver):
    plan = await desk.plan()
    address = await desk.app.approval_address(plan)

    def answer():
        driver.get(address)
        tab_to(driver, "reason").send_keys("Not before May.")
        driver.switch_to.active_element.send_keys(Keys.TAB + Keys.ENTER)
        until(driver, says("Declined"))
        assert not driver.find_elements(By.ID, "passphrase")

    await run_sync(answer)
    assert (await approve.plan(desk.app, plan)).stored.reason.endswith("Not before May.")


async def test_a_page_that_is_open_elsewhere_notices_the_answer(desk, driver):
    plan = await desk.plan()
    address = await desk.app.approval_address(plan)
    await run_sync(driver.get, address)
    await approve.decline(desk.app, plan, "answered at a terminal")
    await run_sync(until, driver, says("answered at a terminal"))


# Passkeys


def told(driver):
    return driver.find_element(By.ID, "status").text


async def enrolled(desk, driver, name, by=None, passphrase=""):
    """Enrol a passkey through the page, as a terminal would have it; the approver, and what the page says."""
    enrolment = Enrolment(name)
    async with ApprovalPage(desk.app, enrolment=enrolment) as page:
        address = f"{await page.origin()}/enroll"

        def enrol():
            driver.get(address)
            if by is not None:
                Select(driver.find_element(By.ID, "approver")).select_by_value(by.fingerprint)
            if passphrase:
                driver.find_element(By.ID, "passphrase").send_keys(passphrase)
            driver.find_element(By.ID, "code").send_keys(enrolment.code + Keys.ENTER)
            return until(driver, lambda driver: told(driver) and "…" not in told(driver) and told(driver))

        words = await run_sync(enrol)
        return enrolment.approver, words


async def test_a_passkey_is_signed_in_by_a_passphrase_and_signs_in_another_one(desk, driver):
    add_authenticator(driver)
    laptop, _ = await enrolled(desk, driver, "Ann's laptop", desk.approver, PASSPHRASE)
    assert (laptop.kind, laptop.added_by) == ("passkey", desk.approver.fingerprint)

    [passkey] = driver.get_credentials()
    driver.remove_virtual_authenticator()
    enrolment = Enrolment("Ann's key")
    async with ApprovalPage(desk.app, enrolment=enrolment) as page:
        address = f"{await page.origin()}/enroll"

        def enrol():
            # Step by step, for one authenticator plays both: a new one first, then the laptop's.
            driver.get(address)
            token = driver.find_element(By.ID, "enrolment").get_attribute("data-token")
            sent = {"code": enrolment.code, "by": laptop.fingerprint}
            add_authenticator(driver)
            told = driver.execute_async_script(script("enrol.js"), "make", token, sent)
            driver.add_credential(passkey)
            return driver.execute_async_script(script("enrol.js"), "sign", token, sent, told["options"])

        assert (await run_sync(enrol))["enrolled"] is True
    key = enrolment.approver
    assert (key.kind, key.added_by) == ("passkey", laptop.fingerprint)


async def test_an_authenticator_that_holds_an_approver_is_not_enrolled_again(desk, driver):
    add_authenticator(driver)
    await enrolled(desk, driver, "Ann's laptop", desk.approver, PASSPHRASE)
    again, words = await enrolled(desk, driver, "Ann's laptop", desk.approver, PASSPHRASE)
    assert again is None
    assert "holds an enrolled passkey already" in words


async def test_a_wrong_passphrase_signs_nobody_in(desk, driver):
    add_authenticator(driver)
    mallory, words = await enrolled(desk, driver, "Mallory", desk.approver, "wrong wrong wrong 12")
    assert mallory is None
    assert "not the approver's" in words
    assert [one.name for one in await approve.approvers(desk.app)] == ["Ann"]


async def test_the_first_passkey_needs_the_terminals_code_only(opened, tmp_path, db, driver):
    add_authenticator(driver)
    send, receive = create_memory_object_stream[str](1)

    def enrol(words):
        driver.get(re.search(r"http://localhost:\d+/enroll", words)[0])
        driver.find_element(By.ID, "code").send_keys(words.split()[-1] + Keys.ENTER)
        return until(driver, lambda driver: "Enrolled" in told(driver) and told(driver))

    async with (
        desk_at(opened, tmp_path / "shop", db, ann_is_enrolled=False) as desk,
        send,
        receive,
        create_task_group() as tasks,
    ):

        async def terminal():
            first = await enrol_passkey(desk.app, "Ann's laptop", send.send_nowait)
            send.send_nowait(first.fingerprint)

        tasks.start_soon(terminal)
        words = await run_sync(enrol, await receive.receive())
        assert await receive.receive() in words
        [first] = await approve.approvers(desk.app)
    assert (first.kind, first.added_by) == ("passkey", None)


async def test_a_passkey_signs_this_very_plan(desk, driver):
    add_authenticator(driver)
    laptop, _ = await enrolled(desk, driver, "Ann's laptop", desk.approver, PASSPHRASE)
    plan = await desk.plan()
    address = await desk.app.approval_address(plan)

    def sign():
        driver.get(address)
        driver.find_element(By.ID, "name").send_keys("app.db")
        driver.find_element(By.ID, "passkey").click()
        until(driver, says("Approved by Ann's laptop"))

    await run_sync(sign)
    stored = (await approve.plan(desk.app, plan)).stored
    statement = stored.to_sign
    assert stored.approver == laptop.fingerprint
    assert approvals.verify(laptop, statement, stored.evidence)
    other = replace(stored, digest="0" * 64).to_sign
    assert not approvals.verify(laptop, other, stored.evidence)
    assert (await desk.ask()).applied is True


async def test_a_passkey_whose_user_is_not_verified_approves_nothing(desk, driver):
    add_authenticator(driver)
    await enrolled(desk, driver, "Ann's laptop", desk.approver, PASSPHRASE)
    plan = await desk.plan()
    address = await desk.app.approval_address(plan)

    def sign():
        driver.set_user_verified(verified=False)
        driver.get(address)
        driver.find_element(By.ID, "name").send_keys("app.db")
        driver.find_element(By.ID, "passkey").click()
        until(driver, says("The passkey was not used"))

    await run_sync(sign)
    assert await desk.state(plan) == "open"


# Asked by the agent's client


@asynccontextmanager
async def client_that_opens(desk, mode, open_address, patience=60.0):
    opened = []

    async def callback(_, params):
        opened.append(params.url)
        return await open_address(params.url)

    server = build_server(desk.app, patience=patience)
    async with Client(server, mode=mode, elicitation_callback=callback) as client:
        yield client, opened


@pytest.mark.parametrize("mode", ERAS)
async def test_the_client_opens_the_page_and_the_call_goes_on_when_it_is_approved(mode, desk, driver):
    async def open_address(url):
        def answer():
            driver.get(url)
            fill_in(driver)
            until(driver, says("Approved"))

        await run_sync(answer)
        return ElicitResult(action="accept")

    async with client_that_opens(desk, mode, open_address) as (client, opened):
        with fail_after(60):
            report = (await client.call_tool("downgrade", {"target": "-1"})).structured_content
    assert (report["status"], report["applied"]) == ("done", True)
    assert len(opened) == 1
    assert "email" not in desk.place.columns("person")
    await run_sync(until, driver, says("Downgraded app.db"))


# Pages that mean harm


@contextmanager
def foreign_page(content):
    """Another server on this computer, whose every page is *content*; its address."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(content.encode())

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://localhost:{server.server_address[1]}/"
        finally:
            server.shutdown()
            thread.join()


async def test_it_does_not_show_in_a_frame(desk, driver):
    address = await desk.app.approval_address(await desk.plan())

    def look():
        with foreign_page(f'<iframe src="{address}"></iframe>') as other:
            driver.get(other)
            driver.switch_to.frame(0)
            return driver.page_source

    assert "Downgrade" not in await run_sync(look)


async def test_a_form_of_another_page_answers_nothing_though_the_cookie_goes_along(desk, driver):
    plan = await desk.plan()
    address = await desk.app.approval_address(plan)

    def send():
        driver.get(address)
        token = driver.find_element(By.NAME, "token").get_attribute("value")
        form = (
            f'<form method="post" action="{address}/decline"><input name="token" value="{token}">'
            '<input name="reason" value="x"></form><script>document.forms[0].submit()</script>'
        )
        with foreign_page(form) as other:
            driver.get(other)
            until(driver, says("Only this page itself may do that."))

    await run_sync(send)
    assert await desk.state(plan) == "open"


async def test_a_script_of_another_page_reads_nothing(desk, driver):
    address = await desk.app.approval_address(await desk.plan())

    def read():
        with foreign_page("<p>hello</p>") as other:
            driver.get(other)
            return driver.execute_async_script(
                "const done = arguments[1]; fetch(arguments[0], {credentials: 'include'})"
                ".then((answer) => answer.text()).then(done, (error) => done('refused: ' + error))",
                f"{address}/state",
            )

    assert (await run_sync(read)).startswith("refused")


# For everybody


@pytest.mark.parametrize("width", [320, 1280])
async def test_nothing_sticks_out_at_any_width(width, desk, driver):
    address = await desk.app.approval_address(await desk.plan())

    def measure():
        size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": False}
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        driver.get(address)
        return driver.execute_script("return document.documentElement.scrollWidth")

    assert await run_sync(measure) <= width


async def test_a_screen_reader_finds_its_way(desk, driver):
    address = await desk.app.approval_address(await desk.plan())

    def look():
        driver.get(address)
        return driver.execute_script(script("structure.js"))

    found = await run_sync(look)
    assert found["language"] == "en"
    assert found["headings"][0] == 1
    assert found["headings"].count(1) == 1
    assert all(later - earlier <= 1 for earlier, later in zip(found["headings"], found["headings"][1:], strict=False))
    assert found["landmarks"] == ["header", "main", "aside", "footer"]
    assert found["unlabelled"] == []
    assert found["unnamed"] == []
    assert found["live"] >= 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_every_text_stands_out(scheme, desk, driver):
    address = await desk.app.approval_address(await desk.plan())

    def measure():
        feature = {"name": "prefers-color-scheme", "value": scheme}
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
        driver.get(address)
        return driver.execute_script(script("contrast.js"))

    assert await run_sync(measure) == []
