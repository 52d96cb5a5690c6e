"""People at work while what works for them is killed at random: nothing may be lost, nothing may be left over."""
