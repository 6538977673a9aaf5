"""The processes of the worker: a warm one for many calls, a child for each, and the private line between."""
