"""The MCP tools: they translate and decide nothing."""
