"""The MCP server: what a running daemon knows, as tools for an assistant, over stdio and HTTP.

May import ``streams.board``, ``streams.process``, ``alerting``, ``detectors``, ``config``, the extra ``mcp``.
"""
