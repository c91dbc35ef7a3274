"""
Classify texts
==============

A classifier takes a sequence of texts as it is. The model begins with Keras's
``TextVectorization`` layer, which splits the texts into words. This example learns which
short reviews are positive, searches the size of the word vectors, and shows what the
model has learned about single words.
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
import itertools

import keras
import matplotlib.pyplot as plt
import numpy as np
from keras import layers
from sklearn.model_selection import train_test_split

from skkeras_search import GridSearchCV, KerasClassifier

# %%
# A small corpus
# --------------
#
# The reviews are made from templates. One word of each review carries its mood.

positive = ["brilliant", "moving", "funny", "gripping", "charming", "fresh"]
negative = ["boring", "clumsy", "shallow", "tedious", "noisy", "stale"]
subjects = ["film", "novel", "play", "series", "concert"]
templates = [
    "a {word} {subject}",
    "I found the {subject} {word}",
    "the critics called this {subject} {word}",
    "such a {word} {subject} that we talked about it all evening",
]
texts, moods = [], []
for mood, words in (("positive", positive), ("negative", negative)):
    for template, word, subject in itertools.product(templates, words, subjects):
        texts.append(template.format(word=word, subject=subject))
        moods.append(mood)
train, test, mood_train, mood_test = train_test_split(
    texts, moods, random_state=0, stratify=moods
)
print(len(train), "reviews to train on, for example:", train[0])

# %%
# The model
# ---------
#
# A ``TextVectorization`` layer needs a vocabulary. It is read from the training texts
# once, and passed to the build function as a parameter.

reader = layers.TextVectorization()
reader.adapt(np.array(train))
vocabulary = reader.get_vocabulary(include_special_tokens=False)
print(len(vocabulary), "words")


def create_model(vocabulary, size=4):
    numbers = layers.TextVectorization(vocabulary=vocabulary, output_sequence_length=12)
    model = keras.Sequential(
        [
            keras.Input((), dtype="string"),
            numbers,
            layers.Embedding(len(vocabulary) + 2, size, mask_zero=True),
            layers.GlobalAveragePooling1D(),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(keras.optimizers.Adam(0.02), "binary_crossentropy")
    return model


# %%
# A search over the size of the word vectors
# ------------------------------------------

classifier = KerasClassifier(
    create_model, vocabulary=vocabulary, epochs=10, verbose=0, random_state=0
)
search = GridSearchCV(classifier, {"size": [1, 2, 8]}, cv=3, scoring="neg_log_loss")
search.fit(train, mood_train)
for params, score in zip(
    search.cv_results_["params"], search.cv_results_["mean_test_score"], strict=True
):
    print(f"{params}: log loss {-score:.3f}")
best = search.best_estimator_
print(f"Accuracy on the test texts: {best.score(test, mood_test):.3f}")
print(best.predict(["what a charming opera", "the plot is tedious"]))

# %%
# What the model has learned
# --------------------------
#
# The columns of ``predict_proba`` are in the order of ``classes_``. Single words are
# texts, too.

words = [*positive, *subjects, *negative]
column = list(best.classes_).index("positive")
probabilities = best.predict_proba(words)[:, column]
order = np.argsort(probabilities)
colors = ["tab:blue" if probabilities[i] > 0.5 else "tab:orange" for i in order]
figure, ax = plt.subplots(figsize=(6.4, 5), layout="constrained")
ax.barh([words[i] for i in order], probabilities[order], color=colors)
ax.axvline(0.5, color="gray", linestyle="--")
ax.set(xlabel="probability of a positive review", xlim=(0, 1))
plt.show()
