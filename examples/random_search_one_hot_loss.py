"""
A random search over learning and dropout rates
===============================================

Rates drawn from ``scipy.stats.uniform``. The model is compiled in the build function
with ``categorical_crossentropy``; the labels are integers, and are one-hot encoded for
it.
"""

import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"  # what TensorFlow notes while it computes
stderr = os.dup(2)
os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # and while it is imported
try:
    import keras
finally:
    os.dup2(stderr, 2)

from keras import layers
from scipy.stats import uniform
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


model = KerasClassifier(
    model=create_model, epochs=5, batch_size=32, verbose=0, random_state=0
)
distributions = {
    "learning_rate": uniform(0.0005, 0.02),
    "dropout_rate": uniform(0.0, 0.5),
}
search = RandomizedSearchCV(model, distributions, n_iter=5, cv=3, random_state=0)
search.fit(X_train, y_train)

print(f"Best mean accuracy over the folds: {search.best_score_:.3f}")
for name, value in search.best_params_.items():
    print(f"  {name} = {value:.4f}")
print(f"Accuracy on held-out images: {search.score(X_test, y_test):.3f}")
