"""
A Bayesian search over a conditional space
==========================================

The search tunes the scaler, the number of layers, their widths, the optimizer and the
settings of the optimizer together. Some hyperparameters exist only for certain values of
others: a second width if there are two layers, a momentum if the optimizer is SGD.
"""

# sphinx_gallery_start_ignore
import os  # keep TensorFlow from printing while it is imported

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
stderr = os.dup(2)
os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
try:
    import tensorflow  # noqa: F401
finally:
    os.dup2(stderr, 2)
# sphinx_gallery_end_ignore
import keras
import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from skkeras_search import BayesSearchCV, Integer, KerasClassifier, Real

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0, stratify=y)

# %%
# The pipeline
# ------------


def create_model(
    n_layers=1, units=32, units_2=32, optimizer="adam", learning_rate=1e-3, momentum=0.0
):
    model = keras.Sequential([keras.layers.Dense(units, activation="relu")])
    if n_layers == 2:
        model.add(keras.layers.Dense(units_2, activation="relu"))
    model.add(keras.layers.Dense(10, activation="softmax"))
    if optimizer == "adam":
        made = keras.optimizers.Adam(learning_rate)
    else:
        made = keras.optimizers.SGD(learning_rate, momentum=momentum)
    model.compile(made, "sparse_categorical_crossentropy")
    return model


pipeline = Pipeline(
    [
        ("scale", StandardScaler()),
        ("mlp", KerasClassifier(create_model, epochs=5, verbose=0, random_state=0)),
    ]
)

# %%
# The space
# ---------
#
# A list has choices, a tuple has bounds, and ``when`` states a condition.

space = {
    "scale": [StandardScaler(), MinMaxScaler()],
    "mlp__n_layers": [1, 2],
    "mlp__units": [32, 64, 128],
    "mlp__units_2": Integer(16, 64, when={"mlp__n_layers": 2}),
    "mlp__optimizer": ["adam", "sgd"],
    "mlp__learning_rate": (1e-4, 1e-1, "log-uniform"),
    "mlp__momentum": Real(0.5, 0.99, when={"mlp__optimizer": "sgd"}),
}
search = BayesSearchCV(pipeline, space, n_iter=24, n_points=2, cv=3, random_state=0)
search.search_space_summary()

# %%
# The search
# ----------
#
# ``n_points=2`` proposes two candidates at a time, and all of their folds are trained
# together. As in scikit-optimize, ``callback`` takes functions that receive the results
# so far.


def show(result):
    if len(result.x_iters) % 8 == 0:
        print(f"{len(result.x_iters):3} candidates, best mean accuracy {-result.fun:.3f}")


search.fit(X_train, y_train, callback=show)
for name, value in search.best_params_.items():
    print(f"  {name} = {value}")
print(f"Accuracy on the test rows: {search.score(X_test, y_test):.3f}")

# %%
# Four plots answer four questions: does the best score still increase, which differences
# between the best candidates are noise, where are the good candidates, and which
# hyperparameters matter?

search.plot()
plt.show()
