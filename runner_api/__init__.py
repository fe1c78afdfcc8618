"""The GitLab Runner's HTTP protocol, and git over HTTP for its jobs."""
