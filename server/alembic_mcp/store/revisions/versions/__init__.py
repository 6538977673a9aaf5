"""The revisions, oldest first: see `tables.KNOWN`."""
