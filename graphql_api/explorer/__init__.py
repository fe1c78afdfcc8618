"""The GraphQL explorer: which files it is made of, and how they come here."""
