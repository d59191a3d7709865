"""A service that answers with the entities of texts. Copy this folder and change it."""
