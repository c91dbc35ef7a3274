import logging

import tensorflow as tf

from skkeras_search.fusion.order import Order


def test_orders_of_many_lengths_cause_no_warning(caplog):
    # at the fifth graph of one function TensorFlow would take it for a mistake
    with caplog.at_level(logging.WARNING, logger="tensorflow"):
        tf.get_logger().addHandler(caplog.handler)
        try:
            for n_rows in range(3, 23):
                order = Order(n_rows, shuffle=True, seed=0)
                assert sorted(order()) == list(range(n_rows))
        finally:
            tf.get_logger().removeHandler(caplog.handler)
    assert caplog.messages == []
