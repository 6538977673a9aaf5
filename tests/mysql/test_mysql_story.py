"""One whole story on MySQL, from the first look to a failure and out of it: the real server over stdio."""

import pytest
from stdio_client import NO, YES, serve
from tiny_projects import make

pytestmark = pytest.mark.anyio

ADD_AGE = "    age: Mapped[int | None] = mapped_column()\n"
BROKEN = """\
import sqlalchemy as sa
from alembic import op

revision = "d4"
down_revision = {down!r}
branch_labels = None
depends_on = None


def upgrade():
    op.add_column("person", sa.Column("city", sa.String(20)))
    op.execute("ALTER TABLE person ADD INDEX ix_person_town (town)")


def downgrade():
    op.execute("ALTER TABLE person DROP INDEX ix_person_town")
    op.drop_column("person", "city")
"""


async def test_a_project_on_mysql_from_the_first_look_to_a_failure_and_out_of_it(place, tmp_path):
    folder = make(tmp_path / "shop", url=place.url)
    async with serve(folder, answers=[NO, YES]) as server:
        report = await server.call("current")
        assert (report["heads"], report["database"]["dialect"]) == ([], "mysql")
        report = await server.call("review")
        assert (report["decision"], report["rehearsal"]["status"]) == ("ask", "not_possible")
        assert "not rehearsed (There are no scratch databases for MySQL)" in report["summary"]

        report = await server.call("upgrade")
        assert (report["status"], report["applied"]) == ("needs_approval", False), report
        assert place.columns("person") == []
        report = await server.call("upgrade")
        assert (report["status"], report["after"], report["verified"]["heads"]) == ("done", ["b2"], True)
        assert (await server.call("check"))["differences"] == []

        models = folder / "models.py"
        lines = models.read_text(encoding="utf-8").splitlines(keepends=True)
        last = max(index for index, line in enumerate(lines) if line.startswith("    email"))
        models.write_text("".join([*lines[: last + 1], ADD_AGE, *lines[last + 1 :]]), encoding="utf-8")
        report = await server.call("generate", message="add age")
        assert report["status"] == "done", report
        [file] = report["files"]
        report = await server.call("upgrade")
        assert (report["status"], report["after"]) == ("done", [file["revision"]])
        assert place.columns("person") == ["id", "name", "email", "age"]

        place.run("INSERT INTO person (name) VALUES ('x'), ('x')")
        versions = folder / "alembic" / "versions"
        (versions / "d4.py").write_text(BROKEN.format(down=file["revision"]), encoding="utf-8")
        report = await server.call("upgrade")
        assert (report["status"], report["applied"], report["after"]) == ("failed", True, [file["revision"]])
        assert "d4 is half applied" in report["summary"]
        assert "ALTER TABLE person ADD COLUMN city" in report["summary"]

        place.run("ALTER TABLE person DROP COLUMN city")
        text = (versions / "d4.py").read_text(encoding="utf-8").replace("(town)", "(city)")
        (versions / "d4.py").write_text(text, encoding="utf-8")
        report = await server.call("upgrade")
        assert (report["status"], report["after"]) == ("done", ["d4"]), report
        place.run("UPDATE person SET age = 3")
        report = await server.call("downgrade", target="b2")
        assert (report["status"], report["after"]) == ("done", ["b2"])
        assert {one["rule"] for one in report["escalations"]} == {"drops-data", "unclear-rollback"}
        assert place.columns("person") == ["id", "name", "email"]
        assert [line for line in server.asked if "NOT rehearsed" not in line] == []
        assert "Traceback" not in server.stderr
