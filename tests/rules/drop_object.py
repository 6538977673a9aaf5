"""Views, functions, triggers and types that go, that go along, that are replaced, and that were made on the way."""

import sqlalchemy as sa
from alembic import op

SETUP = """
CREATE TABLE persons (id int PRIMARY KEY, name text);
INSERT INTO persons VALUES (1, 'a');
CREATE VIEW names AS SELECT name FROM persons;
CREATE VIEW ids AS SELECT id FROM persons;
CREATE VIEW more AS SELECT id FROM ids;
CREATE MATERIALIZED VIEW counts AS SELECT count(*) FROM persons;
CREATE FUNCTION answer() RETURNS int LANGUAGE sql AS 'SELECT 42';
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER touched BEFORE UPDATE ON persons FOR EACH ROW EXECUTE FUNCTION touch();
CREATE TYPE mood AS ENUM ('sad', 'glad');
"""


def upgrade():
    op.execute("DROP VIEW names")  # finds: drop-object=warning
    op.execute("DROP VIEW ids CASCADE")  # finds: drop-object
    op.execute("DROP MATERIALIZED VIEW IF EXISTS counts")  # finds: drop-object
    op.execute("DROP TRIGGER touched ON persons")  # finds: drop-object
    op.execute("DROP FUNCTION answer()")  # finds: drop-object=info
    op.execute("CREATE FUNCTION answer() RETURNS bigint LANGUAGE sql AS 'SELECT 43'")
    op.execute("DROP TYPE mood")  # finds: drop-object=info
    op.execute("CREATE VIEW short AS SELECT id FROM persons")
    op.execute("DROP VIEW short")
    op.create_table("pets", sa.Column("size", sa.Enum("small", "large", name="size")))
    op.execute("CREATE VIEW sizes AS SELECT size FROM pets")


def downgrade():
    op.execute("DROP VIEW sizes")
    op.drop_table("pets")  # finds: lossy-downgrade
    op.execute("DROP TYPE size")
    op.execute("DROP FUNCTION touch()")  # finds: drop-object


# finds somewhere: downgrade-does-not-restore
