"""The models, their initialisation, and the paths through them."""
