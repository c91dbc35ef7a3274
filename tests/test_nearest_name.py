import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skkeras_search import KerasClassifier
from skkeras_search.nearest_name import about_parameter, did_you_mean
from skkeras_search.searches.spaces import check_names
from skkeras_search.space import Space
from tests.estimators import models


@pytest.mark.parametrize(
    ("name", "known", "nearest"),
    [
        ("epoch", ["epochs", "batch_size"], "epochs"),
        ("C", ["svc__C", "svc__tol"], "svc__C"),
        ("lr", ["loss", "learning_rate"], "learning_rate"),
        ("step__lr", ["step__loss", "step__learning_rate"], "step__learning_rate"),
        ("step__unit", ["other__unit", "step__units"], "step__units"),
        ("stpe__units", ["step__units", "other__rate"], "step__units"),
        ("keras__lr", ["keras__loss", "keras__epochs"], None),
        ("nonsense", ["epochs"], None),
    ],
)
def test_nearest_name(name, known, nearest):
    expected = f" Did you mean {nearest!r}?" if nearest else ""
    assert did_you_mean(name, known) == expected


def test_a_search_says_what_the_keras_estimator_says():
    pipeline = make_pipeline(StandardScaler(), KerasClassifier(models.softmax_regression))
    words = (
        r"'kerasclassifier__lr' is not a parameter of Pipeline\. The arguments of "
        r"model=softmax_regression are \['n_features', 'n_classes'\]\. If the estimator "
        "compiles the model, the learning rate is "
        "'kerasclassifier__optimizer__learning_rate'"
    )
    with pytest.raises(ValueError, match=words):
        check_names(pipeline, Space({"kerasclassifier__lr": [0.1, 0.2]}))
    assert about_parameter(pipeline, "standardscaler__mean") == ""
    about = about_parameter(pipeline, "lr")
    assert "'kerasclassifier__optimizer__learning_rate'" in about
    assert about_parameter(StandardScaler(), "nonsense") == ""
