"""What learns: runs, the training itself, the gate a candidate must pass, the adapter registry and the schedule."""
