"""The rules, in the order of the catalogue: what loses data, what will fail, what blocks others, what is unclear."""

from __future__ import annotations

from .acts_outside_database import acts_outside_database
from .cast_fails import cast_fails
from .changes_primary_key import changes_primary_key
from .changes_type_for_readers import changes_type_for_readers
from .check_validates import check_validates
from .check_with_violators import check_with_violators
from .commits_by_itself import commits_by_itself
from .concurrently_in_transaction import concurrently_in_transaction
from .constraint_without_name import constraint_without_name
from .data_with_schema import data_with_schema
from .delete_rows import delete_rows
from .disables_protection import disables_protection
from .downgrade_does_not_restore import downgrade_does_not_restore
from .downgrade_will_fail import downgrade_will_fail
from .drop_column import drop_column
from .drop_column_takes_constraints import drop_column_takes_constraints
from .drop_constraint import drop_constraint
from .drop_not_null import drop_not_null
from .drop_object import drop_object
from .drop_schema import drop_schema
from .drop_table import drop_table
from .drops_most_tables import drops_most_tables
from .drops_partition_child import drops_partition_child
from .duplicate_revision import duplicate_revision
from .edits_applied_revision import edits_applied_revision
from .enum_value_in_transaction import enum_value_in_transaction
from .enum_value_removed import enum_value_removed
from .enum_value_renamed import enum_value_renamed
from .fails_on_scratch import fails_on_scratch
from .foreign_key_cascades import foreign_key_cascades
from .foreign_key_validates import foreign_key_validates
from .foreign_key_with_orphans import foreign_key_with_orphans
from .foreign_key_without_index import foreign_key_without_index
from .heavy_maintenance import heavy_maintenance
from .imports_application import imports_application
from .index_without_concurrently import index_without_concurrently
from .int4_primary_key import int4_primary_key
from .irreversible_downgrade import irreversible_downgrade
from .json_instead_of_jsonb import json_instead_of_jsonb
from .lock_held_long import lock_held_long
from .lossy_downgrade import lossy_downgrade
from .missing_ancestor import missing_ancestor
from .missing_extension import missing_extension
from .missing_schema import missing_schema
from .missing_type import missing_type
from .narrows_type import narrows_type
from .no_lock_timeout import no_lock_timeout
from .not_null_without_default import not_null_without_default
from .rename_column import rename_column
from .rename_read_as_drop import rename_read_as_drop
from .rename_table import rename_table
from .rewrites_table import rewrites_table
from .set_not_null_scans import set_not_null_scans
from .set_not_null_with_nulls import set_not_null_with_nulls
from .several_changes_in_one_revision import several_changes_in_one_revision
from .several_heads import several_heads
from .sql_built_from_strings import sql_built_from_strings
from .timestamp_without_time_zone import timestamp_without_time_zone
from .truncate import truncate
from .unique_builds_index import unique_builds_index
from .unique_with_duplicates import unique_with_duplicates
from .unrecognised_statement import unrecognised_statement
from .update_all_rows import update_all_rows
from .validate_in_same_transaction import validate_in_same_transaction
from .varchar_for_enum import varchar_for_enum
from .writes_data import writes_data

__all__ = ["RULES"]

RULES = (
    drop_table,
    drop_column,
    drop_column_takes_constraints,
    drop_schema,
    drop_object,
    truncate,
    delete_rows,
    update_all_rows,
    narrows_type,
    drop_constraint,
    foreign_key_cascades,
    writes_data,
    lossy_downgrade,
    irreversible_downgrade,
    downgrade_does_not_restore,
    downgrade_will_fail,
    rename_read_as_drop,
    drops_most_tables,
    drops_partition_child,
    not_null_without_default,
    set_not_null_with_nulls,
    unique_with_duplicates,
    foreign_key_with_orphans,
    check_with_violators,
    cast_fails,
    missing_type,
    missing_schema,
    missing_extension,
    constraint_without_name,
    fails_on_scratch,
    index_without_concurrently,
    concurrently_in_transaction,
    set_not_null_scans,
    foreign_key_validates,
    check_validates,
    validate_in_same_transaction,
    unique_builds_index,
    rewrites_table,
    lock_held_long,
    data_with_schema,
    no_lock_timeout,
    heavy_maintenance,
    disables_protection,
    rename_table,
    rename_column,
    drop_not_null,
    changes_type_for_readers,
    enum_value_removed,
    enum_value_renamed,
    enum_value_in_transaction,
    several_heads,
    changes_primary_key,
    edits_applied_revision,
    duplicate_revision,
    missing_ancestor,
    commits_by_itself,
    imports_application,
    unrecognised_statement,
    acts_outside_database,
    foreign_key_without_index,
    json_instead_of_jsonb,
    int4_primary_key,
    timestamp_without_time_zone,
    varchar_for_enum,
    sql_built_from_strings,
    several_changes_in_one_revision,
)
