"""The service map: callers and callees with figures and states, bounded, made once a step."""
