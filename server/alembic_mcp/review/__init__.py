"""Judgement: rules over what a revision did, without any I/O."""
