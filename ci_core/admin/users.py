"""Users and groups in the support desk. Rights are given by superusers alone, so that nobody gives them to himself."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, Permission
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from ci_core.actions import users
from ci_core.admin import display
from ci_core.admin.base import ActionForm, WritingAdmin
from ci_core.admin.display import Section
from ci_core.admin.filters import from_filterset
from ci_core.admin.filtersets import UserRows
from ci_core.admin.unfold import AdminPasswordChangeForm, AdminUserCreationForm, ModelAdmin
from ci_core.models import User

#: Fields that give rights.
RIGHTS: Final = ("is_staff", "is_superuser", "groups", "user_permissions")
#: Rows of a user's page.
MOST_ROWS: Final = 100


class NewUserForm(ActionForm, AdminUserCreationForm):  # type: ignore[type-arg]
    """A new user's name, address and password, which may be none."""

    class Meta:
        model = User
        fields = ("username", "name", "email")


class PasswordForm(AdminPasswordChangeForm):  # type: ignore[type-arg]
    """Stores a password through the action."""

    def save(self, commit: bool = True) -> User:
        """Sets the password, or takes it away."""
        usable = self.cleaned_data["set_usable_password"]
        users.set_password(self.user, self.cleaned_data["password1"] if usable else None)
        return self.user  # type: ignore[no-any-return]


@admin.register(User)
class UserAdmin(WritingAdmin[User], DjangoUserAdmin):  # type: ignore[type-arg]
    """Users. They are deactivated, not deleted: what they did keeps their name."""

    form = ActionForm
    add_form = NewUserForm
    change_password_form = PasswordForm
    ordering = ("username",)
    sortable_by = ("username",)
    list_display = ("username", "name", "email", "is_active", "is_staff", "is_superuser", "signed_in")
    list_filter = (
        from_filterset(UserRows, "is_active", title="active"),
        from_filterset(UserRows, "is_staff", title="staff"),
        from_filterset(UserRows, "is_superuser", title="superuser"),
    )
    search_fields = ("username", "name", "email")
    search_help_text = "Username, name or address"
    fieldsets = (
        (None, {"fields": (("username", "name"), ("email", "is_active"), "password_state")}),
        ("Rights", {"fields": (("is_staff", "is_superuser"), "groups", "user_permissions")}),
        ("Times (UTC)", {"fields": (("signed_in", "joined_at"),)}),
    )
    add_fieldsets = (
        (None, {"fields": ("username", "name", "email", "usable_password", "password1", "password2")}),
    )
    readonly_fields = ("password_state", "signed_in", "joined_at")

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> Any:
        """Rights can be read only, except by superusers."""
        shown = super().get_readonly_fields(request, obj)
        return shown if request.user.is_superuser else (*shown, *RIGHTS)

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Superusers and other staff are changed by superusers alone: a new password is a way into their rights."""
        privileged = obj is not None and (obj.is_superuser or (obj.is_staff and obj != request.user))
        may_all = request.user.is_superuser
        return super().has_change_permission(request, obj) and (may_all or not privileged)

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Permissions with their content types, which their names contain."""
        if db_field.name == "user_permissions":
            kwargs["queryset"] = Permission.objects.select_related("content_type")
        return super().formfield_for_manytomany(db_field, request, **kwargs)

    def create(self, request: HttpRequest, entered: dict[str, Any]) -> User:
        """Makes a user without any rights."""
        password = entered["password1"] if entered["set_usable_password"] else None
        return users.create_user(entered["username"], password, name=entered["name"], email=entered["email"])

    def update(self, request: HttpRequest, row: User, entered: dict[str, Any]) -> None:
        """Changes what the form offers to this user."""
        given = dict(entered)
        users.update_user(
            row, groups=given.pop("groups", None), permissions=given.pop("user_permissions", None), **given
        )

    def sections(self, request: HttpRequest, row: User) -> Iterable[Section]:
        """Projects and tokens of the user."""
        memberships = row.memberships.select_related("project").order_by("project__full_path")[:MOST_ROWS]
        projects = [
            (display.link("project", found.project_id, found.project), found.get_access_level_display())
            for found in memberships
        ]
        yield display.table("Projects", ("Project", "Role"), projects, empty="Member of no project.")
        tokens = [
            (
                display.link("personalaccesstoken", token.pk, token.name),
                ", ".join(token.scopes),
                "revoked" if token.revoked_at else display.moment(token.expires_at),
                display.moment(token.last_used_at),
            )
            for token in row.personal_access_tokens.order_by("-id")[:MOST_ROWS]
        ]
        headers = ("Token", "Scopes", "Expires (UTC)", "Last used (UTC)")
        yield display.table("Personal access tokens", headers, tokens, empty="The user has no tokens.")

    @admin.display(description="Password")
    def password_state(self, row: User) -> SafeString:
        """Whether there is one, and where to change it."""
        state = "is set" if row.has_usable_password() else "cannot be used to sign in"
        return format_html('{} · <a href="../password/" class="text-link">change</a>', state)

    @admin.display(description="Signed in")
    def signed_in(self, row: User) -> str:
        """When the user signed in last."""
        return display.moment(row.last_login)

    @admin.display(description="Joined")
    def joined_at(self, row: User) -> str:
        """When the user was made."""
        return display.moment(row.date_joined)


admin.site.unregister(Group)


@admin.register(Group)
class GroupAdmin(DjangoGroupAdmin, ModelAdmin[Group]):
    """Django's groups, which give rights: for superusers alone."""

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Superusers."""
        return bool(request.user.is_superuser)

    def has_view_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        """Superusers."""
        return self.has_module_permission(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Superusers."""
        return self.has_module_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        """Superusers."""
        return self.has_module_permission(request)

    def has_delete_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        """Superusers."""
        return self.has_module_permission(request)
