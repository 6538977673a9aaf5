"""Statements that can do anything, next to those that were seen to do nothing or to do what they say."""

from alembic import op

SETUP = """
CREATE TABLE persons (id int PRIMARY KEY, name text);
INSERT INTO persons VALUES (1, 'a');
CREATE FUNCTION touch() RETURNS void LANGUAGE plpgsql AS 'BEGIN UPDATE persons SET name = upper(name); END';
CREATE FUNCTION answer() RETURNS int LANGUAGE sql AS 'SELECT 42';
CREATE FUNCTION per_row(id int) RETURNS void LANGUAGE plpgsql AS 'BEGIN DELETE FROM persons; END';
CREATE PROCEDURE tidy() LANGUAGE plpgsql AS 'BEGIN DELETE FROM persons; END';
"""


def upgrade():
    op.execute("SELECT touch()")  # finds: unrecognised-statement
    op.execute("SELECT per_row(id) FROM persons")  # finds: unrecognised-statement
    op.execute("CALL tidy()")  # finds: unrecognised-statement
    op.execute("DO $$ BEGIN EXECUTE 'UPDATE persons SET name = ' || 'NULL'; END $$")  # finds: unrecognised-statement


def downgrade():
    op.execute("SELECT answer()")
    op.execute("SELECT count(*), max(name) FROM persons")
    op.execute("DO $$ BEGIN EXECUTE 'CREATE TYPE mood AS ENUM ()'; EXECUTE 'DROP TYPE mood'; END $$")
