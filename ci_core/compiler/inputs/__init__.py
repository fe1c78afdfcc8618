"""Owns inputs: the header of a file that declares them, the values they get, and `$[[ ... ]]` in its body."""
