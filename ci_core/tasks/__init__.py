"""Work in the background: procrastinate tasks and their periods; each calls one action."""
