"""What sphinx-gallery does before it runs an example."""

import keras


def reset_keras(gallery_conf, fname):
    """Number the layers from zero again, as in a fresh process."""
    keras.utils.clear_session()
