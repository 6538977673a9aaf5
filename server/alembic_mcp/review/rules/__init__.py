"""The rules, in the order of the catalogue: what loses data, what will fail, what blocks others, what is unclear."""

from __future__ import annotations

from .acts_outside_database import acts_outside_database
from .delete_rows import delete_rows
from .downgrade_does_not_restore import downgrade_does_not_restore
from .drop_column import drop_column
from .drop_table import drop_table
from .fails_on_scratch import fails_on_scratch
from .index_without_concurrently import index_without_concurrently
from .irreversible_downgrade import irreversible_downgrade
from .lossy_downgrade import lossy_downgrade
from .not_null_without_default import not_null_without_default
from .several_heads import several_heads
from .truncate import truncate
from .unrecognised_statement import unrecognised_statement

__all__ = ["RULES"]

RULES = (
    drop_table,
    drop_column,
    truncate,
    delete_rows,
    lossy_downgrade,
    irreversible_downgrade,
    downgrade_does_not_restore,
    not_null_without_default,
    fails_on_scratch,
    index_without_concurrently,
    several_heads,
    unrecognised_statement,
    acts_outside_database,
)
