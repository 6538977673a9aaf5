"""Imports of models and settings, for types only, and of what is no part of the application."""

import json
from typing import TYPE_CHECKING

import sqlalchemy as sa
from alembic import op

if TYPE_CHECKING:
    from shop.models import Order

try:
    from shop.models import Person  # finds: imports-application=warning
    import shop.enums  # finds: imports-application=info
except ImportError:
    Person = None

SETUP = "CREATE TABLE persons (id int PRIMARY KEY)"
OWN_MODULES = ["shop"]


def upgrade():
    try:
        from shop.settings import DEFAULT  # finds: imports-application=warning
    except ImportError:
        DEFAULT = json.loads('"people"')
    op.execute(f"COMMENT ON TABLE persons IS '{DEFAULT}'")  # finds: sql-built-from-strings


def downgrade():
    op.execute(sa.text("COMMENT ON TABLE persons IS NULL"))
