"""Columns that are part of keys and indexes, alone and with others, and those of which nothing is missed."""

import sqlalchemy as sa
from alembic import op

SETUP = """
CREATE TABLE tenants (id int PRIMARY KEY);
INSERT INTO tenants VALUES (1);
CREATE TABLE members (tenant int REFERENCES tenants, email text, role text, fax text, code int UNIQUE, old int,
  CONSTRAINT members_tenant_email UNIQUE (tenant, email), CHECK (old > 0));
CREATE INDEX ix_members_role_email ON members (email, role);
CREATE INDEX ix_members_fax ON members (fax);
CREATE INDEX ix_members_named ON members (old, fax);
INSERT INTO members VALUES (1, 'a', 'b', 'c', 1, 1);
CREATE TABLE versions (id int, number int, text text, PRIMARY KEY (id, number));
INSERT INTO versions VALUES (1, 1, 'a');
CREATE TABLE books (isbn text UNIQUE);
INSERT INTO books VALUES ('1');
CREATE TABLE loans (book text REFERENCES books (isbn));
INSERT INTO loans VALUES ('1');
"""


def upgrade():
    op.drop_column("members", "role")  # finds: drop-column, drop-column-takes-constraints=warning
    op.drop_column("members", "fax")  # finds: drop-column, drop-column-takes-constraints
    op.drop_column("members", "old")  # finds: drop-column
    op.drop_column("members", "code")  # finds: drop-column, drop-column-takes-constraints
    op.drop_column("versions", "number")  # finds: drop-column, drop-column-takes-constraints=danger, changes-primary-key
    op.execute("ALTER TABLE books DROP COLUMN isbn CASCADE")  # finds: drop-column, drop-column-takes-constraints

    op.drop_constraint("members_tenant_email", "members", type_="unique")
    op.drop_constraint("members_tenant_fkey", "members", type_="foreignkey")
    op.drop_column("members", "tenant")  # finds: drop-column


def downgrade():
    raise NotImplementedError  # finds: irreversible-downgrade
