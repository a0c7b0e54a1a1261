"""The contest on this machine: it evaluates agents as the contest did, and shows the results."""
