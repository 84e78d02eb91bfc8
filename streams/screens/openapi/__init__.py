"""Every route of the web server, its parameters and answers, as OpenAPI."""
