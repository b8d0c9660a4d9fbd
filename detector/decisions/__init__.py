"""From alarms to actions or refusals: candidates, checks, budgets; pure."""
