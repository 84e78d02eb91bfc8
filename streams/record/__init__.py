"""The record of measured steps and findings: kept, and queried."""
