"""The fields of Query; each checks who may see what it gives."""
