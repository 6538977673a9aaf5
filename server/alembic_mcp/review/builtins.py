"""Functions of the databases that are known to change nothing, so that a SELECT which calls only these is a read."""

from __future__ import annotations

__all__ = ["NOT_CALLS", "READS", "SEQUENCE"]

SEQUENCE = frozenset({"nextval", "setval", "lastval", "currval"})
"""They move a sequence at most."""

_READS = """
abbrev abs acos age akeys any_value area array array_agg array_append array_cat array_dims array_fill
array_length array_lower array_ndims array_position array_positions array_prepend array_remove array_replace
array_sample array_shuffle array_sort array_to_json array_to_string array_to_tsvector array_upper ascii asin
atan atan2 avals avg bin_to_uuid bit_and bit_count bit_length bit_or bool_and bool_or box broadcast btrim
cardinality casefold cast cbrt ceil ceiling center changes char char_length character_length chr cidr circle
clock_timestamp coalesce col_description concat concat_ws convert_from convert_to convert_tz corr cos cot count
covar_pop covar_samp crypt cume_dist current_database current_date current_query current_role current_schema
current_schemas current_setting current_time current_timestamp current_user database date date_add date_format
date_part date_sub date_trunc datediff daterange day dayofmonth dayofweek dayofyear decode degrees dense_rank
diameter digest div dmetaphone each elt encode enum_first enum_last enum_range every exp export_set extract
factorial family field find_in_set first_value floor format format_type found_rows from_days from_unixtime
gen_random_bytes gen_random_uuid gen_salt generate_series generate_subscripts get_bit get_byte get_lock getdate
glob greatest group_concat grouping has_column_privilege has_database_privilege has_function_privilege
has_schema_privilege has_sequence_privilege has_table_privilege hex hmac host hour hstore ifnull iif
index_columns inet inet6_aton inet6_ntoa inet_aton inet_client_addr inet_ntoa inet_server_addr inet_server_port
initcap instr int4range int8range is_used_lock isempty isfinite isn json_agg json_array json_array_elements
json_array_elements_text json_array_length json_arrayagg json_build_array json_build_object json_contains
json_contains_path json_depth json_each json_each_text json_exists json_extract json_extract_path
json_extract_path_text json_group_array json_group_object json_insert json_keys json_length json_merge_patch
json_merge_preserve json_object json_object_agg json_object_keys json_objectagg json_populate_record json_query
json_quote json_remove json_replace json_scalar json_search json_serialize json_set json_strip_nulls json_table
json_type json_typeof json_unquote json_valid json_value jsonb_agg jsonb_array_elements
jsonb_array_elements_text jsonb_array_length jsonb_build_array jsonb_build_object jsonb_each jsonb_each_text
jsonb_extract_path jsonb_extract_path_text jsonb_insert jsonb_object jsonb_object_agg jsonb_object_keys
jsonb_path_exists jsonb_path_query jsonb_path_query_array jsonb_path_query_first jsonb_pretty jsonb_set
jsonb_strip_nulls jsonb_typeof julianday justify_days justify_hours justify_interval lag last_day last_insert_id
last_insert_rowid last_value lcase lead least left length length_in levenshtein likelihood likely line ln
localtime localtimestamp locate log log10 lower lower_inc lower_inf lpad lseg ltrim macaddr make_date
make_interval make_set make_time make_timestamp make_timestamptz makedate maketime masklen max md5 metaphone min
minute mod mode month multirange netmask network nlevel normalize now nth_value ntile nullif num_nonnulls
num_nulls numeric_send numnode numrange obj_description octet_length overlay parse_ident path percent_rank
percentile_cont percentile_disc pg_advisory_lock pg_advisory_lock_shared pg_advisory_unlock
pg_advisory_unlock_all pg_advisory_unlock_shared pg_advisory_xact_lock pg_advisory_xact_lock_shared
pg_backend_pid pg_client_encoding pg_column_size pg_conf_load_time pg_current_snapshot pg_current_wal_lsn
pg_current_xact_id pg_database_size pg_encoding_to_char pg_get_constraintdef pg_get_expr
pg_get_function_identity_arguments pg_get_functiondef pg_get_indexdef pg_get_keywords pg_get_partkeydef
pg_get_ruledef pg_get_serial_sequence pg_get_statisticsobjdef pg_get_triggerdef pg_get_userbyid pg_get_viewdef
pg_has_role pg_index_column_has_property pg_indexam_has_property pg_indexes_size pg_input_error_info
pg_input_is_valid pg_is_in_recovery pg_my_temp_schema pg_postmaster_start_time pg_relation_filenode
pg_relation_filepath pg_relation_size pg_size_pretty pg_sleep pg_stat_get_numscans pg_table_is_visible
pg_table_size pg_tablespace_location pg_total_relation_size pg_try_advisory_lock pg_try_advisory_xact_lock
pg_type_is_visible pg_typeof phraseto_tsquery pi plainto_tsquery point polygon position pow power printf
querytree quote quote_ident quote_literal quote_nullable radians random range_merge rank regexp_match
regexp_matches regexp_replace regexp_split_to_array regexp_split_to_table release_lock repeat replace replicate
reverse right round row row_number row_to_json rpad rtrim schema sec_to_time second session_user set_config
set_masklen setweight sha224 sha256 sha384 sha512 shobj_description sign similarity sin skeys slice soundex
split_part sqlite_version sqrt starts_with statement_timestamp std stddev stddev_pop stddev_samp str_to_date
strftime string_agg string_to_array strip strpos subpath substr substring substring_index sum svals sysdate tan
text2ltree time time_to_sec timediff timeofday timestampadd timestampdiff to_ascii to_char to_date to_days
to_hex to_json to_jsonb to_number to_regclass to_regnamespace to_regproc to_regprocedure to_regrole to_regtype
to_timestamp to_tsquery to_tsvector total total_changes transaction_timestamp translate trim trim_array trunc
truncate try_cast ts_headline ts_rank ts_rank_cd tsrange tstzrange tsvector_to_array txid_current typeof ucase
unaccent unhex unicode unistr unix_timestamp unlikely unnest upper upper_inc upper_inf user utc_date
utc_timestamp uuid uuid_generate_v1 uuid_generate_v1mc uuid_generate_v4 uuid_short uuid_to_bin uuidv4 uuidv7
var_pop var_samp variance version websearch_to_tsquery week weekday width_bucket word_similarity xmlagg
xmlconcat xmlelement xmlforest xmlparse xmlserialize xpath year zeroblob
"""

READS = frozenset(_READS.split())
"""Reads, in PostgreSQL (with its usual extensions), MySQL and SQLite."""

_NOT_CALLS = """
all and any as asc bernoulli between bigint binary bit bool boolean bpchar by bytea case char character check
cidr citext collate conflict cross cube current date datetime dec decimal default delete desc distinct div do
double duplicate else end enum escape except exists fetch filter float float4 float8 following from full
geography geometry group grouping having ilike in inner insert int int2 int4 int8 integer intersect interval
into is isnull join json jsonb key lateral left like limit matched materialized mediumint money natural nchar
not nothing notnull nowait null nulls numeric nvarchar of offset on only or order outer over overlaps partition
preceding precision primary range real recursive references regexp returning right rlike rollup rows select set
sets signed similar skip smallint some system table tablesample text then ties time timestamp timestamptz timetz
tinyint to union unique unsigned update using uuid values varbinary varbit varchar varying vector when where
window with within xml xor year
"""

NOT_CALLS = frozenset(_NOT_CALLS.split())
"""Words of SQL, types among them, that may stand before a parenthesis without being called."""
