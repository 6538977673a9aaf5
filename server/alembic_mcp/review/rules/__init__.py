"""The rules, in the order findings are reported."""
