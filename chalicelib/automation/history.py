"""How much of a Step Functions execution's history a run may fill before it goes on in a new execution.

Source: Step Functions quotas: a Standard execution ends at 25,000 history events. What one item and one round cost at most, every
retry used up, is counted from the generated machine in tests/automation/test_history.py.
"""

EVENTS_MAX = 24_000
EVENTS_AT_START = 40  # before the first round: the start, Begin with every retry, Prepare; and what ending takes
EVENTS_PER_ROUND = 45  # asking what is next, the choice, the Map's own, the wait
EVENTS_PER_ITEM = 60  # one item of a Map that fails after every retry, and the record of its failure


def items_that_fit(events: int, events_max: int) -> int:
    """How many more items an execution takes that has had so many events; 0: it must go on in a new one."""
    return max(0, (events_max - events) // EVENTS_PER_ITEM)
