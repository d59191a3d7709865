"""Find what is probably wrong in annotation, by models that have not learned it."""
