"""Files of a state: atomic writes, locks, the state folder and its archive."""
