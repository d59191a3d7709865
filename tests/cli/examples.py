from hypothesis import settings

seeded = settings(max_examples=150, deadline=None, derandomize=True)
