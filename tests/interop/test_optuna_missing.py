import subprocess
import sys


def test_without_optuna_the_extra_is_named():
    script = (
        "import sys\n"
        "sys.modules['optuna'] = None\n"
        "import skkeras_search, skkeras_search.interop\n"
        "try:\n"
        "    import skkeras_search.interop.optuna\n"
        "except ImportError as error:\n"
        "    assert 'pip install skkeras-search[optuna]' in str(error), error\n"
        "else:\n"
        "    raise AssertionError\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=120)


def test_searches_do_not_import_optuna():
    script = (
        "import sys, skkeras_search\n"
        "skkeras_search.BayesSearchCV, skkeras_search.load_search\n"
        "assert 'optuna' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=120)
