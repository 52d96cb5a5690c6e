"""Tasks at work while jobs, supervisors, containers and the runner are killed at random: nothing may be left over."""
