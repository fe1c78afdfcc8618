"""Groups: folders of projects whose members, runners and variables are those of every project in them."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models

from ci_core.models.choices import ACCESS_LEVELS
from ci_core.models.querysets import GroupQuerySet
from ci_core.models.users import User


class Group(models.Model):
    """A group. A group in a group has its path in front of its own: `shop/web`; paths stay as they are.

    `traversal_ids` are the ids of the groups around it from the outermost on, and its own at the end: so that what is
    inherited is found by key, with an index, and not by comparing paths.
    """

    full_path = models.CharField(max_length=255, unique=True, help_text="For example shop or shop/web.")
    name = models.CharField(max_length=255)
    description = models.TextField(blank=True)
    parent = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="children"
    )
    traversal_ids = ArrayField(models.BigIntegerField(), default=list, editable=False)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    members = models.ManyToManyField(User, through="GroupMembership", related_name="member_groups")

    objects = GroupQuerySet.as_manager()

    class Meta:
        indexes = [GinIndex(fields=["traversal_ids"], name="ci_group_ancestors")]

    def __str__(self) -> str:
        return self.full_path


class GroupMembership(models.Model):
    """A user's role in a group, and so in everything in it."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="group_memberships")
    group = models.ForeignKey(Group, on_delete=models.CASCADE, related_name="memberships")
    access_level = models.PositiveSmallIntegerField(choices=ACCESS_LEVELS)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "group"], name="ci_group_membership_once")]

    def __str__(self) -> str:
        return f"{self.user_id} in group {self.group_id}: {self.get_access_level_display()}"
