"""Other people's systems. Each is an extra, and is imported where it is used."""
