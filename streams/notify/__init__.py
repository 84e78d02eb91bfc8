"""Both directions of Slack around the alerting package: what is sent, and what people press or type.

May import engine and what is below it; no driver.
"""
