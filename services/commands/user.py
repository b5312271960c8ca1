"""`foundry user`: how are people added from a terminal?"""

from __future__ import annotations

import secrets
import string
from pathlib import Path
from typing import Annotated

import typer

from core.identity import Role
from services import setup
from services.audit import ClientInfo
from services.bootstrap import open_services
from services.commands.terminal import DataDir, run, say
from services.stack.opening import any_stack
from services.views.accounts import AccountView

app = typer.Typer(no_args_is_help=True, help="Add people, print a sign-in link for one, list them.")

Email = Annotated[str, typer.Argument(help="E-mail address.")]
_CLIENT = ClientInfo(user_agent="foundry user")


@app.command()
def create(
    email: Email,
    role: Annotated[Role, typer.Option(help="What the person may do.")] = Role.VIEWER,
    data_dir: DataDir = None,
) -> None:
    """Add a person; prints a random password and a sign-in link that works once."""
    password = random_password()
    link = run(_create(email, password, role, data_dir))
    typer.echo(f"Password:     {password}\nSign in once: {link}")


@app.command()
def link(email: Email, data_dir: DataDir = None) -> None:
    """Print a link that signs a person in once, within a day."""
    typer.echo(run(_link(email, data_dir)))


@app.command(name="list")
def list_people(data_dir: DataDir = None) -> None:
    """List everybody in the first organisation."""
    for person in run(_list(data_dir)):
        state = "" if person.is_active else "  (closed)"
        typer.echo(f"{person.email}  {person.role.value}  {person.organization_name}{state}")


async def _create(email: str, password: str, role: Role, data_dir: Path | None) -> str:
    async with any_stack(data_dir, say=say) as stack, open_services() as services:
        principal = await setup.local_principal(services)
        await services.accounts.create_user(principal, email=email, password=password, role=role, client=_CLIENT)
        token = await setup.create_link(stack.settings, email)
        return f"{stack.settings.chat.url}/login/link/{token}"


async def _link(email: str, data_dir: Path | None) -> str:
    async with any_stack(data_dir, say=say) as stack:
        return f"{stack.settings.chat.url}/login/link/{await setup.create_link(stack.settings, email)}"


async def _list(data_dir: Path | None) -> tuple[AccountView, ...]:
    async with any_stack(data_dir, say=say), open_services() as services:
        return await services.accounts.list_users(await setup.local_principal(services))


def random_password() -> str:
    """Twenty characters that satisfy the strictest rules: upper and lower case, a number, a special character."""
    kinds = (string.ascii_uppercase, string.ascii_lowercase, string.digits, "-_.!?")
    letters = [secrets.choice(kind) for kind in kinds]
    letters += [secrets.choice("".join(kinds)) for _ in range(16)]
    secrets.SystemRandom().shuffle(letters)
    return "".join(letters)
