"""The web server: connections, TLS, access, sessions and request bodies."""
