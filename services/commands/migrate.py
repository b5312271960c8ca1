"""`foundry migrate`: how does an outside database get its roles, its tables and its first account?"""

from __future__ import annotations

import os
from typing import Annotated

import typer

from config.loader import load_settings
from services import setup
from services.bootstrap import open_services
from services.commands.terminal import DataDir, run, say
from services.embedded.preflight import prepare_folder
from services.roles import own_roles, said_of, superuser_in
from services.stack.opening import any_stack, outside_superuser
from services.stack.schema import bring_up_to_date


def migrate(
    data_dir: DataDir = None,
    no_account: Annotated[bool, typer.Option("--no-account", help="Make no first organisation and administrator.")] = (
        False
    ),
) -> None:
    """Bring the database up to date; with a superuser, also make the roles and the database.

    A superuser comes from FOUNDRY_SUPERUSER_PASSWORD (and FOUNDRY_SUPERUSER), or is named in database.user.
    """
    run(_migrate(data_dir, with_account=not no_account))


async def _migrate(data_dir: DataDir, *, with_account: bool) -> None:
    settings = load_settings().settings
    if not settings.database.host:
        # Embedded: opening the stack is all there is to do.
        async with any_stack(data_dir, say=say):
            say("The embedded database is up to date.")
        return
    superuser = outside_superuser(settings)
    if superuser is None and (superuser := await superuser_in(settings)) is not None:
        say(said_of(superuser))
        os.environ.update(own_roles(prepare_folder(settings.storage.data_dir)))
        settings = load_settings().settings
    await bring_up_to_date(settings, superuser)
    async with open_services():
        pass  # Opening makes the tables of plugins, as the owner; other processes do not have its password.
    say(f"The database {settings.database.name} on {settings.database.host} is up to date.")
    if with_account and (account := await setup.ensure_first_account(settings)) is not None:
        link = f"{settings.chat.url}/login/link/{account.link_token}"
        typer.echo(f"Administrator: {account.email}\nPassword:      {account.password}\nSign in once:  {link}")
