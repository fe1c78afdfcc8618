"""The verbs: the only public way to write. One function a verb, each one transaction."""
