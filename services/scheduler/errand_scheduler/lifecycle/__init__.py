"""The only code that moves a task or an attempt: decisions are pure, operations are `fn(tx)`."""
