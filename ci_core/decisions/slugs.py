"""The name of an environment made safe for host names, and the tier that it suggests."""

from __future__ import annotations

import hashlib
import re
from typing import Final

_NOT_ALLOWED: Final = re.compile(r"[^a-z0-9]+")
_TIERS: Final = (
    (re.compile(r"dev|review|trunk", re.IGNORECASE), "development"),
    (re.compile(r"te?st|int|ac(ce)?pt|qa|qc|control|quality", re.IGNORECASE), "testing"),
    (re.compile(r"sta?g|mode?l|pre|demo|non", re.IGNORECASE), "staging"),
    (re.compile(r"pro?d|live", re.IGNORECASE), "production"),
)


def environment_slug(name: str) -> str:
    """`CI_ENVIRONMENT_SLUG`: at most 24 characters, begins with a letter; a hash keeps changed names apart."""
    slug = _NOT_ALLOWED.sub("-", name.lower()).strip("-")
    if not slug or not slug[0].isalpha():
        slug = f"env-{slug}"
    if slug == name and len(slug) <= 24:
        return slug
    suffix = hashlib.sha256(name.encode()).hexdigest()[:6]
    return f"{slug[:17].rstrip('-')}-{suffix}"


def guessed_tier(environment: str) -> str:
    """The deployment tier that a name suggests (https://docs.gitlab.com/ci/environments/#deployment-tier-of-environments)."""
    return next((tier for pattern, tier in _TIERS if pattern.search(environment)), "other")
