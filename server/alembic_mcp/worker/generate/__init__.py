"""Writes revisions: from what autogenerate proposes and can not see, to files that are safe to run."""
