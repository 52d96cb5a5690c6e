"""What the runner counts of itself: `counted` as it happens, `state` as it stands when somebody asks."""
