from lighthouse import visible_from


def test_higher_lights_are_seen_from_farther_away():
    assert visible_from(0) == 0
    assert 35.6 < visible_from(100) < 35.8
    assert visible_from(50) < visible_from(100)
