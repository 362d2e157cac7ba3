"""How weights are made: in no Space, and not needed to load an editor."""
