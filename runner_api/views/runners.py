"""Owns the life of a runner: register, verify, reset its token, unregister."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse

from ci_core.actions import runners
from runner_api import auth
from runner_api.errors import Refused
from runner_api.http import client_ip, endpoint, read_fields
from runner_api.wire import responses
from runner_api.wire.requests import Caller, Registration


def _register(request: HttpRequest) -> HttpResponse:
    fields = read_fields(request)
    token = auth.registration_token(request, fields)
    runner, runner_token = runners.register_runner(token, **Registration.of(fields).settings())
    return responses.credentials(201, runner, runner_token)


def _unregister(request: HttpRequest) -> HttpResponse:
    runners.delete_runner(auth.runner_of(request, read_fields(request)))
    return responses.nothing()


def _verify(request: HttpRequest) -> HttpResponse:
    fields = read_fields(request)
    runner = auth.runner_of(request, fields)
    caller = Caller.of(fields)
    runners.touch_runner(runner, caller.system_id, caller.info, client_ip(request))
    token = fields.text("token", auth.MAX_TOKEN) or request.headers.get("Runner-Token", "")
    return responses.credentials(200, runner, token)


def _forget_manager(request: HttpRequest) -> HttpResponse:
    fields = read_fields(request)
    runner = auth.runner_of(request, fields)
    if not runners.forget_manager(runner, Caller.of(fields).system_id):
        raise Refused(403, "The runner has no manager with this system_id.")
    return responses.nothing()


def _reset_own_token(request: HttpRequest) -> HttpResponse:
    runner = auth.runner_of(request, read_fields(request))
    return responses.credentials(201, runner, runners.rotate_runner_token(runner))


def _reset_token(request: HttpRequest, runner_id: int) -> HttpResponse:
    runner = auth.runner_to_reset(request, runner_id)
    return responses.credentials(201, runner, runners.rotate_runner_token(runner))


collection = endpoint(POST=_register, DELETE=_unregister)
verify = endpoint(POST=_verify)
managers = endpoint(DELETE=_forget_manager)
reset_own_token = endpoint(POST=_reset_own_token)
reset_token = endpoint(POST=_reset_token)
