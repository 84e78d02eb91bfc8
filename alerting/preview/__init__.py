"""Messages as HTML that resembles Slack: for the report, and for the pictures of the documentation."""
