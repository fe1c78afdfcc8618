"""The words of the runner protocol: the only place that knows the names on the wire.

Source: gitlab-runner's `common/network.go` and `common/spec`, as `runner-protocol.md` sums them up.
"""
