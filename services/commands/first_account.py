"""Who can sign in on a fresh data folder? The administrator that the first command made."""

from __future__ import annotations

import typer

from core.security.secrets import write_secret_file
from services import setup
from services.stack.opening import Stack

SIGN_IN_FILE = "first-sign-in.txt"


async def ensure(stack: Stack) -> None:
    """Make the first administrator where nobody is yet, and keep the password in a file only the owner can read."""
    account = await setup.ensure_first_account(stack.settings)
    if account is not None:
        show(account, stack)


def show(account: setup.FirstAccount, stack: Stack) -> None:
    """Print the password, this once, and keep it."""
    link = f"{stack.settings.chat.url}/login/link/{account.link_token}"
    text = f"Administrator: {account.email}\nPassword:      {account.password}\nSign in once:  {link}\n"
    path = stack.data_dir / SIGN_IN_FILE
    write_secret_file(path, text)
    typer.echo(
        f"{text}(shown this once; kept in {path}, which only you can read: delete it once the password is noted)\n",
        err=True,
    )
