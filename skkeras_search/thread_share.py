"""How many threads the fits of a process may use, where a search has decided."""

# The environment variable that a search sets in workers of a cluster, before TensorFlow is
# imported there.
THREADS = "SKKERAS_SEARCH_THREADS"
