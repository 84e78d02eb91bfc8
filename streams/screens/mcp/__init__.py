"""The MCP server: tools for assistants over a running daemon, by stdio and HTTP."""
