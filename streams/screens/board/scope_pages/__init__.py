"""The page of a scope (a table, a function, a route): values over a range, callers, and events."""
