"""Pure decisions over snapshots: no database, no clock, no framework."""
