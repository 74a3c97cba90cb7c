"""`make serve`: the whole product on this machine until Ctrl-C or SIGTERM; the data stays."""

import os
import signal
import sys
import threading
from datetime import timedelta

from infra.local.session import Session, Trouble, wanted_port


def main() -> int:
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    try:
        with Session(fresh=bool(os.environ.get("FRESH")), port=wanted_port()) as session:
            from chalicelib import deps
            from chalicelib.automation.schedule import check_scheduled_automations

            # runs that the last stop interrupted go on; whoever was about to start an execution is gone, too
            check_scheduled_automations(deps.current(), grace=timedelta())
            print(f"ready {session.server.url}", flush=True)
            print("Logins, documents and next steps are on that page. Ctrl-C stops; the data stays in .local/.", flush=True)
            stop.wait()
            print("stopping", flush=True)
    except Trouble as trouble:
        print(trouble, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
