import subprocess
import sys
from importlib.resources import files

import pytest

import skkeras_search


def test_import_loads_no_tensorflow():
    script = (
        "import sys, skkeras_search\n"
        "loaded = {name.partition('.')[0] for name in sys.modules}\n"
        "assert not loaded & {'tensorflow', 'keras', 'sklearn', 'scikeras'}, loaded\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)


def test_inspection_loads_no_tensorflow():
    script = (
        "import sys, skkeras_search.inspection\n"
        "import skkeras_search.inspection.report\n"
        "loaded = {name.partition('.')[0] for name in sys.modules}\n"
        "assert not loaded & {'tensorflow', 'keras', 'scikeras', 'matplotlib',"
        " 'jinja2'}, loaded\n"
        "assert 'skkeras_search.searches' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)


def test_public_names_load():
    for name in skkeras_search.__all__:
        assert name in dir(skkeras_search)
        assert getattr(skkeras_search, name).__name__ == name
    with pytest.raises(AttributeError, match="no attribute 'KerasClasifier'"):
        skkeras_search.KerasClasifier  # noqa: B018


def test_keras_is_left_as_it_was():
    script = (
        "import keras\n"
        "methods = [(c, m) for c in (keras.Model, keras.Loss, keras.Metric,"
        " keras.Optimizer) for m in ('__reduce__', '__deepcopy__')]\n"
        "before = [getattr(c, m, None) for c, m in methods]\n"
        "from skkeras_search import KerasClassifier\n"
        "assert [getattr(c, m, None) for c, m in methods] == before\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)


def test_is_typed():
    assert (files("skkeras_search") / "py.typed").is_file()
