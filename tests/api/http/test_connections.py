from app.api.http.connections import SPARE, Connections


class Connection:
    def __init__(self) -> None:
        self.is_asked_to_go = False

    def give_way(self) -> None:
        self.is_asked_to_go = True


def test_one_more_takes_the_place_of_whom_we_have_waited_for_longest():
    connections, (first, second, third) = Connections(2), [Connection() for _ in range(3)]
    assert connections.add(first)
    assert connections.add(second)
    connections.waits_for_client(first)  # it was answered just now, so the second has kept us waiting longer
    assert connections.add(third)
    assert (first.is_asked_to_go, second.is_asked_to_go) == (False, True)


def test_whoever_waits_for_us_stays_and_the_one_more_finds_no_place():
    connections, busy, more = Connections(1), Connection(), Connection()
    assert connections.add(busy)
    connections.waits_for_us(busy)
    assert not connections.add(more)
    assert not busy.is_asked_to_go
    connections.discard(busy)
    connections.discard(more)
    assert connections.add(Connection())


def test_there_are_some_descriptors_for_those_that_are_only_told_so():
    connections = Connections(1)
    for _ in range(1 + SPARE):
        one = Connection()
        connections.add(one)
        connections.waits_for_us(one)
    assert connections.has_spare
    connections.add(Connection())
    assert not connections.has_spare
