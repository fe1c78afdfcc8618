"""The fields of Mutation; each checks its caller, calls one action, and reads what changed again."""
