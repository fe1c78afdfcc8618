"""The GraphQL API compared with its peers, and with the SQL that it comes down to: `python -m bench.graphql`."""
