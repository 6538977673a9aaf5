"""The workflows: one function per wish."""
