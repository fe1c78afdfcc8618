"""The form with which people sign in to the support desk: passwords are not for guessing.

Not in `ci_core.admin`: the site imports its form while it is made, and that package registers with the site.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.exceptions import ValidationError

from ci_core.actions.signing_in import sign_in
from ci_core.errors import TooManyTries

if TYPE_CHECKING:
    from django.contrib.admin.forms import AdminAuthenticationForm as AuthenticationForm
else:
    from unfold.forms import AuthenticationForm


class SignInForm(AuthenticationForm):
    """Asks the action for the user."""

    def clean(self) -> dict[str, Any]:
        """Finds the user, or says why not."""
        user_name, password = self.cleaned_data.get("username"), self.cleaned_data.get("password")
        if user_name is not None and password:
            address = self.request.META.get("REMOTE_ADDR") if self.request else None
            try:
                self.user_cache = sign_in(user_name, password, address=address, request=self.request)
            except TooManyTries as error:
                raise ValidationError(error.message, code=error.code) from None
            if self.user_cache is None:
                raise self.get_invalid_login_error()
            self.confirm_login_allowed(self.user_cache)
        return self.cleaned_data
