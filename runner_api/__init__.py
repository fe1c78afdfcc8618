"""The GitLab Runner's HTTP protocol, git over HTTP for its jobs, and the path of trigger tokens."""
