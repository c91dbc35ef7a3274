"""
A random search over learning and dropout rates
===============================================

:class:`~sklearn.model_selection.RandomizedSearchCV` of scikit-learn draws the rates from
distributions of :mod:`scipy.stats`. The build function compiles the model with
``categorical_crossentropy``, which expects one-hot rows. The labels are integers; the
estimator encodes them for this loss.
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
from keras import layers
from scipy.stats import loguniform, uniform
from sklearn.datasets import load_digits
from sklearn.model_selection import RandomizedSearchCV, train_test_split

from skkeras_search import KerasClassifier

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X / 16, y, random_state=0)


def create_model(learning_rate=0.01, dropout_rate=0.2):
    model = keras.Sequential(
        [
            keras.Input((64,)),
            layers.Dense(64, activation="relu"),
            layers.Dropout(dropout_rate),
            layers.Dense(10, activation="softmax"),
        ]
    )
    optimizer = keras.optimizers.Adam(learning_rate=learning_rate)
    model.compile(optimizer, loss="categorical_crossentropy", metrics=["accuracy"])
    return model


# %%
# The search
# ----------
#
# The arguments of the build function are parameters of the classifier, so the search can
# set them.

classifier = KerasClassifier(
    create_model, epochs=5, batch_size=32, verbose=0, random_state=0
)
distributions = {
    "learning_rate": loguniform(1e-4, 1e-1),
    "dropout_rate": uniform(0.0, 0.5),
}
search = RandomizedSearchCV(classifier, distributions, n_iter=16, cv=3, random_state=0)
search.fit(X_train, y_train)

print(f"Best mean accuracy over the folds: {search.best_score_:.3f}")
for name, value in search.best_params_.items():
    print(f"  {name} = {value:.4f}")
print(f"Accuracy on held-out images: {search.score(X_test, y_test):.3f}")

# %%
# Each candidate is a point. The learning rate decides the score, the dropout rate hardly
# matters.

results = search.cv_results_
figure, ax = plt.subplots(layout="constrained")
points = ax.scatter(
    results["param_learning_rate"].astype(float),
    results["param_dropout_rate"].astype(float),
    c=results["mean_test_score"],
    s=80,
)
ax.set(xscale="log", xlabel="learning rate", ylabel="dropout rate", title="16 candidates")
figure.colorbar(points, label="mean accuracy over the folds")
plt.show()
