"""What every command of an operator on one stage does: reach the stage, act, and say in one line what went wrong."""

import sys
from collections.abc import Callable

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.core.errors import AppError
from infra.bootstrap import BootstrapError
from infra.local.session import Trouble
from infra.tenant_data import Deployment, Refused, deployment

GOES_ON = "The command can be started again; it goes on where it stopped."


def act(stage: str, do: Callable[[Deployment], int], *, again: str = GOES_ON) -> int:
    """Do it on the stage. again: what is said when it was cut off in the middle. Returns the exit status."""
    began = False
    try:
        with deployment(stage) as here:
            began = True
            return do(here)
    except Refused as error:
        print(error, file=sys.stderr)
        return error.status
    except (BootstrapError, Trouble, AppError, BotoCoreError, ClientError, OSError) as error:
        print("\n".join([str(error), again] if began else [str(error)]), file=sys.stderr)
        return 1
