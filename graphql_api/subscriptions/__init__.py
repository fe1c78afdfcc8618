"""The fields of Subscription; each follows the event log, and checks its caller before every delivery."""
