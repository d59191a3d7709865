"""Write documents in the formats of annotation tools."""
