"""The number of threads that the fits of a process may use, if a search has set it."""

# The environment variable that a search sets in the workers of a cluster, before they
# import TensorFlow.
THREADS = "SKKERAS_SEARCH_THREADS"
