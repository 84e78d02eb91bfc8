"""The pages of scopes: values over a range, callers, and events."""
