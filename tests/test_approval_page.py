"""The approval page over HTTP: what it shows, whom it turns away, and what becomes of an answer."""

import html
import re
import socket
import sqlite3
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass

import anyio
import httpx2
import pytest
from approval_desk import PASSPHRASE, Desk, desk_at

from alembic_mcp import approvals
from alembic_mcp.approval_page import ApprovalPage, Enrolment, Signing
from alembic_mcp.approval_page.app import asgi_app
from alembic_mcp.store.records import default_file
from alembic_mcp.workflows import approve, change

pytestmark = pytest.mark.anyio

PORT = 49321
OURS = f"http://localhost:{PORT}"


@dataclass
class Browser:
    """What a browser would do, without one: it keeps cookies, and sends Origin with what it posts."""

    http: httpx2.AsyncClient
    desk: Desk

    async def get(self, path, **headers):
        return await self.http.get(path, headers=headers)

    async def open(self, plan):
        """Open a plan's page; its form token."""
        page = await self.get(f"/plans/{plan}")
        assert page.status_code == 200, page.text
        return re.search(r'name="token" value="([0-9a-f]{64})"', page.text)[1]

    async def post(self, path, data, **headers):
        return await self.http.post(path, data=data, headers={"Origin": OURS, **headers})

    async def approve(self, plan, **changes):
        """Fill in the form and send it; *changes* say what is different."""
        form = {
            "token": await self.open(plan),
            "approver": self.desk.approver.fingerprint,
            "passphrase": PASSPHRASE,
            "database": "app.db",
        }
        return await self.post(f"/plans/{plan}/approve", {**form, **changes})


@asynccontextmanager
async def browser_at(desk, enrolment=None, origin=OURS, signing=None):
    transport = httpx2.ASGITransport(asgi_app(desk.app, PORT, enrolment, signing))
    async with httpx2.AsyncClient(transport=transport, base_url=origin) as http:
        yield Browser(http, desk)


@pytest.fixture
async def desk(opened, tmp_path, db):
    async with desk_at(opened, tmp_path / "shop", db) as desk:
        yield desk


@pytest.fixture
async def browser(desk):
    async with browser_at(desk) as browser:
        yield browser


@pytest.fixture
async def plan(desk):
    return await desk.plan()


def text_of(page):
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page.text)).split())


# What it shows


async def test_the_page_shows_what_is_done_to_what_and_what_is_lost(browser, plan):
    page = await browser.get(f"/plans/{plan}")
    text = text_of(page)
    assert "Downgrade app.db" in text
    assert "tone-production" in page.text
    assert "Production" in text
    assert "from b2, 1 revision: b2" in text
    assert "1 value" in text
    assert "person.email" in text
    assert "Proven on the scratch database" in text
    assert "drop-column" in text
    assert "Type the name of the database, app.db" in " ".join(text.split())
    assert "the database will be here" in text


async def test_plans_that_wait_are_listed_with_what_they_lose(browser, plan):
    page = await browser.get("/")
    assert f'href="/plans/{plan}"' in page.text
    assert "Dropping person.email destroys 1 value" in text_of(page)


async def test_without_a_plan_the_list_says_so(browser):
    assert "No plan waits" in text_of(await browser.get("/"))


async def test_a_plan_that_there_is_not_is_not_found(browser):
    page = await browser.get("/plans/nonsense")
    assert page.status_code == 404
    assert "There is no plan 'nonsense'" in text_of(page)


async def test_what_the_project_says_is_escaped(opened, tmp_path, db):
    async with desk_at(opened, tmp_path / "shop", db) as desk, browser_at(desk) as browser:
        file = desk.folder / "alembic" / "versions" / "b2_add_email.py"
        nasty = "<script>alert(1)</script>"
        text = file.read_text().replace('"""add email"""', f'"""{nasty}"""')
        file.write_text(
            text.replace(
                'op.drop_column("person", "email")',
                f'op.drop_column("person", "email")\n    op.execute("DELETE FROM person WHERE name = \'{nasty}\'")',
            )
        )
        page = await browser.get(f"/plans/{await desk.plan()}")
        assert "<script>alert" not in page.text
        assert html.escape(nasty) in page.text
        assert nasty in text_of(page).replace("&lt;", "<").replace("&gt;", ">")


async def test_nothing_comes_from_elsewhere_and_nothing_is_inline(browser, plan):
    page = await browser.get(f"/plans/{plan}")
    assert not re.search(r"(src|href|action)=\"(?!/|#)", page.text)
    assert not re.search(r"<style|style=|onclick|onsubmit|javascript:|<script(?! src=\"/page.js\")", page.text)
    for name in ("style.css", "page.js", "icon.svg"):
        found = await browser.get(f"/{name}")
        assert found.status_code == 200
        assert "http://" not in found.text.replace("http://www.w3.org/2000/svg", "")
        assert "https://" not in found.text


async def test_every_answer_is_sealed(browser, plan):
    for path in ("/", f"/plans/{plan}", "/style.css", "/nothing", f"/plans/{plan}/state"):
        headers = (await browser.get(path)).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert headers["x-frame-options"] == "DENY"
        assert headers["cache-control"] == "no-store"
        assert headers["x-content-type-options"] == "nosniff"


async def test_the_session_cookie_stays_in_this_browser_and_on_this_page(browser, plan):
    cookie = (await browser.get(f"/plans/{plan}")).headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert str(PORT) in cookie


async def test_no_secret_is_in_any_address(browser, plan):
    token = await browser.open(plan)
    page = await browser.get(f"/plans/{plan}")
    assert not [link for link in re.findall(r'(?:href|action)="([^"]*)"', page.text) if token in link or "?" in link]
    assert 'method="get"' not in page.text.lower()


# Answering


async def test_the_right_passphrase_and_name_approve_and_the_agent_goes_on(desk, browser, plan):
    answer = await browser.approve(plan)
    assert answer.status_code == 303, text_of(answer)
    assert answer.headers["location"] == f"/plans/{plan}"
    assert await desk.state(plan) == "approved"
    state = (await browser.get(f"/plans/{plan}/state")).json()
    assert (state["state"], state["follows"]) == ("approved", True)
    assert "Approved by Ann" in state["text"]
    assert "Your decision" not in (await browser.get(f"/plans/{plan}")).text
    report = await desk.ask()
    assert (report.status, report.applied) == ("done", True)
    state = (await browser.get(f"/plans/{plan}/state")).json()
    assert (state["state"], state["title"], state["follows"]) == ("finished", "Done", False)
    assert any("b2" in line for line in state["lines"])
    assert "email" not in desk.place.columns("person")


async def test_the_passphrase_is_in_nothing_that_comes_back(browser, plan):
    answers = [await browser.approve(plan, database="wrong"), await browser.approve(plan), await browser.get("/")]
    assert not any(PASSPHRASE in answer.text + str(answer.headers) for answer in answers)


async def test_declining_tells_the_agent_why(desk, browser, plan):
    answer = await browser.post(
        f"/plans/{plan}/decline", {"token": await browser.open(plan), "reason": "Keep the addresses until May."}
    )
    assert answer.status_code == 303
    assert "Keep the addresses until May." in text_of(await browser.get(f"/plans/{plan}"))
    report = await desk.ask()
    assert report.applied is False
    assert "Keep the addresses until May." in report.summary
    assert "email" in desk.place.columns("person")


WRONG = [
    pytest.param({"passphrase": "wrong wrong wrong 12"}, 403, "not the approver's", id="passphrase"),
    pytest.param({"passphrase": ""}, 403, "not the approver's", id="no passphrase"),
    pytest.param({"database": "other"}, 422, "name that was typed", id="another database's name"),
    pytest.param({"database": ""}, 422, "name that was typed", id="no name"),
    pytest.param({"approver": "SHA256:nobody"}, 403, "not enrolled", id="unknown approver"),
    pytest.param({"approver": "Zoë"}, 403, "not enrolled", id="no fingerprint"),
    pytest.param({"token": "0" * 64}, 403, "too old", id="foreign token"),
    pytest.param({"token": ""}, 403, "too old", id="no token"),
]


@pytest.mark.parametrize(("changes", "status", "words"), WRONG)
async def test_a_wrong_answer_approves_nothing_and_says_why(changes, status, words, desk, browser):
    plan = await desk.plan()
    answer = await browser.approve(plan, **changes)
    assert answer.status_code == status
    assert words in text_of(answer)
    assert await desk.state(plan) == "open"


async def test_five_wrong_passphrases_lock_the_plan_for_the_right_one_too(desk, browser, plan):
    token = await browser.open(plan)
    form = {"token": token, "approver": desk.approver.fingerprint, "database": "app.db"}
    for _ in range(4):
        answer = await browser.post(f"/plans/{plan}/approve", {**form, "passphrase": "wrong wrong wrong 12"})
        assert answer.status_code == 403
    assert "4 of 5 attempts were wrong" in text_of(answer)
    answer = await browser.post(f"/plans/{plan}/approve", {**form, "passphrase": "wrong wrong wrong 12"})
    assert answer.status_code == 423
    answer = await browser.post(f"/plans/{plan}/approve", {**form, "passphrase": PASSPHRASE})
    assert answer.status_code == 423
    assert await desk.state(plan) == "locked"
    assert "Locked" in text_of(answer)


async def test_a_plan_is_approved_once(desk, browser, plan):
    token = await browser.open(plan)
    form = {"token": token, "approver": desk.approver.fingerprint, "passphrase": PASSPHRASE, "database": "app.db"}
    first = await browser.post(f"/plans/{plan}/approve", form)
    second = await browser.post(f"/plans/{plan}/approve", form)
    assert (first.status_code, second.status_code) == (303, 409)


async def test_a_token_of_one_plan_is_none_of_another(desk, browser, plan):
    token = await browser.open(plan)
    other = await desk.plan("-2")
    assert other != plan
    answer = await browser.post(f"/plans/{other}/decline", {"token": token, "reason": "x"})
    assert answer.status_code == 403
    assert await desk.state(other) == "open"


async def test_a_token_of_one_browser_is_none_of_another(desk, browser, plan):
    form = {"token": await browser.open(plan), "reason": "x"}
    for cookies in ({}, {f"alembic-mcp-{PORT}": "guessed"}):
        async with browser_at(desk) as other:
            other.http.cookies.update(cookies)
            assert (await other.post(f"/plans/{plan}/decline", form)).status_code == 403
    assert await desk.state(plan) == "open"


# Whom it turns away


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        f"evil.example:{PORT}",
        "localhost",
        "localhost:1",
        f"localhost.evil.example:{PORT}",
        "",
        f"[::1]:{PORT}",
    ],
)
async def test_a_name_that_was_made_to_point_here_gets_nothing(host, browser, plan):
    for path in ("/", f"/plans/{plan}", f"/plans/{plan}/state", "/style.css"):
        page = await browser.get(path, Host=host)
        assert page.status_code == 421
        assert plan not in page.text


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "null",
        "http://localhost",
        "http://localhost:1",
        f"https://localhost:{PORT}",
        f"http://127.0.0.1:{PORT}",
    ],
)
async def test_another_origin_can_neither_read_nor_answer(origin, desk, browser, plan):
    token = await browser.open(plan)
    answer = await browser.post(f"/plans/{plan}/decline", {"token": token, "reason": "x"}, Origin=origin)
    assert answer.status_code == 403
    assert (await browser.get(f"/plans/{plan}/state", Origin=origin)).status_code == 403
    assert await desk.state(plan) == "open"


async def test_an_answer_without_any_origin_is_turned_away(desk, browser, plan):
    form = {"token": await browser.open(plan), "reason": "x"}
    assert (await browser.http.post(f"/plans/{plan}/decline", data=form)).status_code == 403
    for site in ("cross-site", "same-site", "none"):
        answer = await browser.post(f"/plans/{plan}/decline", form, **{"Sec-Fetch-Site": site})
        assert answer.status_code == 403
    assert await desk.state(plan) == "open"


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", "PATCH"])
async def test_other_methods_do_nothing(method, browser, plan):
    answer = await browser.http.request(method, f"/plans/{plan}", headers={"Origin": OURS, "Content-Length": "0"})
    assert answer.status_code == 405
    assert "access-control-allow-origin" not in answer.headers


async def test_a_get_answers_nothing(desk, browser, plan):
    token = await browser.open(plan)
    for path in (f"/plans/{plan}/approve", f"/plans/{plan}/decline", f"/plans/{plan}/passkey"):
        answer = await browser.http.get(path, params={"token": token, "reason": "x"})
        assert answer.status_code == 405
    assert await desk.state(plan) == "open"


async def test_a_huge_answer_is_not_even_read(browser, plan):
    form = {"token": await browser.open(plan), "reason": "x" * 100_000}
    assert (await browser.post(f"/plans/{plan}/decline", form)).status_code == 413


async def test_guessing_is_slowed_down(desk, browser, plan):
    codes = [(await browser.post("/plans/nonsense/decline", {"token": "x"})).status_code for _ in range(25)]
    assert codes[-1] == 429
    assert codes.count(429) == 5
    assert (await browser.get(f"/plans/{plan}")).status_code == 200
    assert await desk.state(plan) == "open"


@pytest.mark.parametrize("body", [b"", b"[]", b"nonsense", b'{"credential": 1}', b'{"credential": {"rawId": 7}}'])
async def test_nonsense_instead_of_a_passkey_approves_nothing(body, desk, browser, plan):
    headers = {"Origin": OURS, "X-Form-Token": await browser.open(plan), "Content-Type": "application/json"}
    answer = await browser.http.post(f"/plans/{plan}/passkey", content=body, headers=headers)
    assert answer.status_code == 403
    assert await desk.state(plan) == "open"


async def test_the_passkey_ways_need_the_token_too(browser, plan):
    headers = {"Origin": OURS, "Content-Type": "application/json"}
    for path in ("passkey", "passkey/options"):
        answer = await browser.http.post(f"/plans/{plan}/{path}", content=b"{}", headers=headers)
        assert answer.status_code == 403


async def test_by_number_the_browser_is_sent_to_the_name_that_passkeys_need(desk, plan):
    async with browser_at(desk, origin=f"http://127.0.0.1:{PORT}") as browser:
        answer = await browser.get(f"/plans/{plan}")
    assert answer.headers["location"] == f"{OURS}/plans/{plan}"


# A store that somebody else wrote to


async def test_a_plan_that_was_rewritten_in_the_store_cannot_be_approved(browser, plan):
    with closing(sqlite3.connect(default_file())) as connection, connection:
        [(report,)] = connection.execute("SELECT details FROM alembic_mcp_plans WHERE id = ?", [plan]).fetchall()
        changed = report.replace("ALTER TABLE person DROP COLUMN email", "SELECT 1").replace(
            "DROP COLUMN", "COMMENT ON"
        )
        assert changed != report
        connection.execute("UPDATE alembic_mcp_plans SET details = ? WHERE id = ?", [changed, plan])
    page = await browser.get(f"/plans/{plan}")
    assert "Do not trust this plan" in page.text
    assert 'name="passphrase"' not in page.text


# Nobody to approve


async def test_without_an_approver_the_page_says_how_to_enrol_one(desk, browser, plan):
    await approve.revoke(desk.app, desk.approver.fingerprint, desk.approver.fingerprint, PASSPHRASE)
    text = text_of(await browser.get(f"/plans/{plan}"))
    assert "alembic-mcp approver enroll" in text


async def test_an_approver_that_is_not_pinned_is_not_offered(desk, plan):
    desk.app.pins = ("SHA256:" + "A" * 43,)
    async with browser_at(desk) as browser:
        page = await browser.get(f"/plans/{plan}")
    assert 'name="passphrase"' not in page.text
    assert "pinned" in text_of(page)


# Enrolling


async def test_no_passkey_can_be_enrolled_unless_a_terminal_began_it(browser):
    page = await browser.get("/enroll")
    assert "No enrolment is under way" in text_of(page)
    token = re.search(r'data-token="([0-9a-f]{64})"', page.text)[1]
    headers = {"Origin": OURS, "X-Form-Token": token}
    answer = await browser.http.post("/enroll/begin", json={"code": "AAAA-AAAA"}, headers=headers)
    assert answer.status_code == 403


async def test_wrong_codes_end_an_enrolment(desk):
    enrolment = Enrolment("Bob")
    async with browser_at(desk, enrolment) as browser:
        page = await browser.get("/enroll")
        assert enrolment.code not in page.text
        headers = {"Origin": OURS, "X-Form-Token": re.search(r'data-token="([0-9a-f]{64})"', page.text)[1]}
        for _ in range(5):
            answer = await browser.http.post("/enroll/begin", json={"code": "AAAA-AAAA"}, headers=headers)
            assert answer.status_code == 403
        answer = await browser.http.post("/enroll/begin", json={"code": enrolment.code}, headers=headers)
    assert answer.status_code == 403
    assert "ended" in answer.json()["message"]
    assert enrolment.done.is_set()
    assert enrolment.approver is None


async def test_the_right_code_asks_for_a_passkey_that_verifies_its_user(desk):
    enrolment = Enrolment("Bob")
    async with browser_at(desk, enrolment) as browser:
        page = await browser.get("/enroll")
        headers = {"Origin": OURS, "X-Form-Token": re.search(r'data-token="([0-9a-f]{64})"', page.text)[1]}
        typed = enrolment.code.lower().replace("-", " ")
        options = (await browser.http.post("/enroll/begin", json={"code": typed}, headers=headers)).json()
    assert options["rp"]["id"] == "localhost"
    assert options["authenticatorSelection"]["userVerification"] == "required"
    assert approvals.decode(options["challenge"]) == enrolment.challenge


# As a server


async def test_it_is_served_when_it_is_first_needed_and_stops_with_the_server(desk, plan):
    async with ApprovalPage(desk.app) as page:
        address = await page.address(plan)
        assert await page.address("other") == address.replace(plan, "other")
        async with httpx2.AsyncClient() as http:
            assert "Downgrade app.db" in (await http.get(address)).text
            by_number = address.replace("localhost", "127.0.0.1")
            assert (await http.get(by_number)).status_code == 307
    async with httpx2.AsyncClient() as http:
        with pytest.raises(httpx2.ConnectError):
            await http.get(address)
    assert await page.address(plan) is None


async def test_a_browser_that_is_closed_halfway_answers_nothing_and_keeps_nobody_else_from_answering(desk, plan):
    async with ApprovalPage(desk.app) as page:
        origin = await page.origin()
        async with httpx2.AsyncClient(base_url=origin, headers={"Origin": origin}) as http:
            token = re.search(r'name="token" value="([0-9a-f]{64})"', (await http.get(f"/plans/{plan}")).text)[1]
            form = {
                "token": token,
                "approver": desk.approver.fingerprint,
                "passphrase": PASSPHRASE,
                "database": "app.db",
            }
            body = str(httpx2.QueryParams(form))
            head = (
                f"POST /plans/{plan}/approve HTTP/1.1\r\nHost: {origin.removeprefix('http://')}\r\nOrigin: {origin}\r\n"
                f"Cookie: {'; '.join(f'{name}={value}' for name, value in http.cookies.items())}\r\n"
                f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n\r\n"
            )
            port = int(origin.rpartition(":")[2])
            async with await anyio.connect_tcp("127.0.0.1", port) as closed:
                await closed.send((head + body[:-1]).encode())
            assert await desk.state(plan) == "open"
            assert (await http.post(f"/plans/{plan}/approve", data=form)).status_code == 303
            assert await desk.state(plan) == "approved"


async def test_nothing_can_be_signed_unless_a_terminal_began_it(browser):
    page = await browser.get("/sign")
    assert "Nothing to sign" in page.text
    token = re.search(r'data-token="([0-9a-f]{64})"', page.text)[1]
    headers = {"Origin": OURS, "Content-Type": "application/json"}
    for path in ("/sign/options", "/sign/finish"):
        for more in ({"X-Form-Token": token}, {"X-Form-Token": "0" * 64}, {}):
            answer = await browser.http.post(path, content=b"{}", headers={**headers, **more})
            assert answer.status_code == 403


@pytest.mark.parametrize("credential", [None, {}, {"rawId": "AAAA"}, {"rawId": "a2V5", "response": {}}])
async def test_what_is_no_signature_signs_nothing(credential, desk):
    key = approvals.passkey("Ann's laptop", b"key", b"key")
    signing = Signing("Revoke", ("Bob goes.",), approvals.revocation("SHA256:x"), (key,))
    async with browser_at(desk, signing=signing) as browser:
        page = await browser.get("/sign")
        assert "Bob goes." in page.text
        token = re.search(r'data-token="([0-9a-f]{64})"', page.text)[1]
        headers = {"Origin": OURS, "X-Form-Token": token}
        options = await browser.http.post("/sign/options", json={}, headers=headers)
        assert approvals.decode(options.json()["challenge"]) == approvals.challenge(signing.statement)
        answer = await browser.http.post("/sign/finish", json={"credential": credential}, headers=headers)
        assert answer.status_code == 403
        assert (await browser.http.post("/sign/finish", json={}, headers={"Origin": OURS})).status_code == 403
    assert signing.signed is None


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6], ids=["127.0.0.1", "::1"])
async def test_a_port_that_is_taken_on_either_address_leaves_the_terminal_and_says_so(family, desk, plan, caplog):
    host = "127.0.0.1" if family == socket.AF_INET else "::1"
    with closing(socket.create_server((host, 0), family=family)) as other:
        port = other.getsockname()[1]
        async with ApprovalPage(desk.app, port=port) as page:
            desk.app.page = page
            assert await page.address(plan) is None
            report = await desk.ask()
    assert f"port {port} can't be had" in caplog.text
    assert "--approval-port" in caplog.text
    assert f"alembic-mcp approve {plan}" in " ".join(report.next_steps)


async def test_the_report_gives_the_address_and_the_command(desk, plan):
    async with ApprovalPage(desk.app) as desk.app.page:
        report = await desk.ask()
        steps = " ".join(report.next_steps)
        assert await desk.app.page.address(plan) in steps
        assert f"alembic-mcp approve {plan}" in steps


async def test_what_changed_since_it_was_approved_is_not_run(desk, browser, plan):
    await browser.approve(plan)
    file = desk.folder / "alembic" / "versions" / "b2_add_email.py"
    file.write_text(file.read_text() + "\n# edited meanwhile\n")
    report = await desk.ask()
    assert (report.status, report.applied) == ("needs_approval", False)
    assert "email" in desk.place.columns("person")


async def test_an_approved_plan_runs_once(desk, browser, plan):
    await browser.approve(plan)
    request = change.Request(action="downgrade", target="-1")
    reports = [await change.change(desk.app, request, change.Answer(kind="unavailable")) for _ in range(2)]
    assert [report.applied for report in reports] == [True, False]
