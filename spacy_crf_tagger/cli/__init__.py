"""`python -m spacy crf …`"""
