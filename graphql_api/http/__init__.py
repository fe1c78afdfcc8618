"""What GraphQL over HTTP asks of a server: https://graphql.github.io/graphql-over-http/draft/"""
