"""What a long history costs: a million finished tasks against none."""
