"""The daemons: where records come from and where state goes. Both run the stages of the engine."""
