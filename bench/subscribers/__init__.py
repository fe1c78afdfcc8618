"""How fast, and how dearly, a change reaches its subscribers: `python -m bench.subscribers`."""
