"""What identity answers: the signed-in user with the account, and the report of a catalogue import."""

from typing import Literal

from pydantic import BaseModel, Field

from chalicelib.auth.accounts import AccountStatus
from chalicelib.auth.users import PRIVATE, USER, Role
from chalicelib.core.answers import answer_model

UserAnswer = answer_model(USER.model, hidden=PRIVATE)


class AccountSummary(BaseModel):
    """credits: what is available now."""

    id: str
    name: str
    credits: int
    status: AccountStatus
    plan: str


class SignedInUser(BaseModel):
    id: str
    email: str
    name: str
    role: Role
    account: AccountSummary


class SignedIn(BaseModel):
    """access: bearer token; refresh: for `auth/token/refresh/`; expires_in: seconds until the access token expires."""

    access: str
    refresh: str
    expires_in: int
    user: SignedInUser


class Me(BaseModel):
    """The caller in the account that is worked in. What is optional here is left out for a developer in another account."""

    id: str
    email: str
    role: Role
    account: AccountSummary
    name: str = ""
    active_site: str | None = None
    sites: list[str] = Field(default_factory=list)
    created_at: str = ""
    updated_at: str = ""
    version: int = 1


class SeedRow(BaseModel):
    """row: its number in the file, the header being 1."""

    row: int
    keyword: str
    outcome: Literal["created", "updated", "unchanged", "rejected"]
    reason: str = ""
    id: str = ""


class SeedImportReport(BaseModel):
    """rows: the first 1,000."""

    created: int
    updated: int
    unchanged: int
    rejected: int
    rows: list[SeedRow]
