"""Has a daemon learn from recorded history, before its first start or beside it."""
