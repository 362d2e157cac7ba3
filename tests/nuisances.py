"""What no seed and no value is, and yet may be sent for one."""

NUISANCES = [None, "x", "", float("nan"), float("inf"), float("-inf"), 1e20, -1, 1.5, True, [], {}, 10**400]
