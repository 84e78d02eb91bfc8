"""Answers are made once a step for all who ask the same."""

import asyncio

import pytest

from streams.screens.board.board_answers import MOST_KEPT, SharedAnswers


class Kitchen:
    """Makes answers slowly, and counts them."""

    def __init__(self) -> None:
        self.made: list[str] = []
        self.step = 0
        self.shared = SharedAnswers(lambda: self.step)
        self.fails = False

    async def ask(self, question: str) -> bytes:
        async def make() -> object:
            self.made.append(question)
            await asyncio.sleep(0)
            if self.fails:
                raise OSError("no answer")
            return {"of": question, "step": self.step}

        return await self.shared.answer(question, make)


async def test_many_who_ask_the_same_get_one_answer_until_there_is_something_new() -> None:
    kitchen = Kitchen()
    found = await asyncio.gather(*(kitchen.ask("a") for _ in range(50)), kitchen.ask("b"))
    assert set(found) == {b'{"of":"a","step":0}', b'{"of":"b","step":0}'}
    assert await kitchen.ask("a") == found[0]
    assert kitchen.made == ["a", "b"]
    kitchen.step = 1
    assert await kitchen.ask("a") == b'{"of":"a","step":1}'
    assert kitchen.made == ["a", "b", "a"]


async def test_who_gives_up_takes_nothing_from_the_others() -> None:
    kitchen = Kitchen()
    impatient = asyncio.create_task(kitchen.ask("a"))
    patient = asyncio.create_task(kitchen.ask("a"))
    await asyncio.sleep(0)
    impatient.cancel()
    assert await patient == b'{"of":"a","step":0}'
    assert kitchen.made == ["a"]


async def test_a_failure_reaches_all_who_wait_and_is_tried_again_by_the_next() -> None:
    kitchen = Kitchen()
    kitchen.fails = True
    found = await asyncio.gather(*(kitchen.ask("a") for _ in range(3)), return_exceptions=True)
    assert [str(item) for item in found] == ["no answer"] * 3
    with pytest.raises(OSError, match="no answer"):
        await kitchen.ask("a")
    kitchen.fails = False
    assert await kitchen.ask("a") == b'{"of":"a","step":0}'
    assert kitchen.made == ["a"] * 3


async def test_few_answers_are_kept() -> None:
    kitchen = Kitchen()
    for number in range(MOST_KEPT + 1):
        await kitchen.ask(str(number))
    await kitchen.ask(str(MOST_KEPT))
    await kitchen.ask("0")
    assert len(kitchen.made) == MOST_KEPT + 2
