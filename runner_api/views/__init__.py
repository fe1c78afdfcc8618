"""The endpoints: parse, call one action or claim, answer."""
