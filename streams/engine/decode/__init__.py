"""Raw records of one source partition become columns; a bad record is rejected with a reason."""
