"""The web server: one address, and the processes that answer there."""
