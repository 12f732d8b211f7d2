"""`thumbloop users`: the accounts, by name. Works while the app is running too."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from ui.commands.options import Home, out, settings_of

if TYPE_CHECKING:
    from ui.accounts import Accounts

app = typer.Typer(no_args_is_help=True, help="List, add and remove accounts, and change their passwords.")
Name = Annotated[str, typer.Argument(help="The account's name.")]


@app.command("list")
def list_(home: Home = None) -> None:
    """List the accounts."""
    with _accounts(home) as accounts:
        for account in accounts.all():
            out.print(f"{account.name}  {account.role}  since {account.created_at:%Y-%m-%d}", highlight=False)


@app.command()
def add(
    name: Name,
    admin: Annotated[bool, typer.Option("--admin", help="Let them do everything.")] = False,
    home: Home = None,
) -> None:
    """Add an account; its password is asked for, or read from the input."""
    from ui.tables import AccountRole

    with _accounts(home) as accounts:
        account = accounts.add(name, _password(), role=AccountRole.admin if admin else AccountRole.member)
        out.print(f"Added {account.name} ({account.role}).", highlight=False)


@app.command()
def passwd(name: Name, home: Home = None) -> None:
    """Change a password; whoever is signed in with the old one is signed out."""
    with _accounts(home) as accounts:
        accounts.set_password(name, _password())
        out.print(f"Changed the password of {name}.", highlight=False)


@app.command()
def remove(
    name: Name,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    home: Home = None,
) -> None:
    """Remove an account with all that the person asked and rated."""
    from ui import privacy
    from ui.accounts import Accounts
    from ui.home import prepare_home

    settings = settings_of(home=home)
    database = prepare_home(settings)
    try:
        accounts = Accounts(database)
        learned = privacy.learned(database, settings, accounts.by_name(name).id)
        if not yes:
            typer.confirm(f"Remove {name}, with their conversations and ratings?", abort=True)
        accounts.remove(name)
        privacy.clean_up(database, settings)
    finally:
        database.close()
    out.print(f"Removed {name}. {privacy.what_stays(learned)}".rstrip(), highlight=False, soft_wrap=True)


@contextmanager
def _accounts(home: Home) -> Iterator["Accounts"]:
    settings = settings_of(home=home)
    from ui.accounts import Accounts
    from ui.home import prepare_home

    database = prepare_home(settings)
    try:
        yield Accounts(database)
    finally:
        database.close()


def _password() -> str:
    if sys.stdin.isatty():
        return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))
    return sys.stdin.readline().rstrip("\n")
