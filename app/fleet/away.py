"""A version that answers in replicas: asked once more if one of them dies, and told when nobody waits any more."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from typing import Any

import grpc
from ray import serve
from ray.exceptions import RayActorError, RayError, TaskCancelledError
from ray.serve.exceptions import BackPressureError, DeploymentUnavailableError, RayServeException

from app.errors import DeadlineExceeded, ModelNotReady, Overloaded, PayloadTooLarge, ServiceError
from app.fleet.environment import beside
from app.fleet.table import ANSWER
from app.serving.deadlines import answer_by
from app.serving.engine import Ask, Prediction

log = logging.getLogger(__name__)

GRACE_S = 0.1  # after a deadline, for the replica's own refusal to arrive: it says more, and is counted there
RETRY_AFTER_S = 1.0  # of what Ray refuses, which knows no times
# The request did not reach a replica that lives, or that one died with it.
GONE = (RayActorError, DeploymentUnavailableError, TaskCancelledError)


class Away:
    """Asks the replicas of one application, on the event loop on which it was made."""

    def __init__(self, handle: Any) -> None:
        self._predict = handle.options(method_name="predict", request_serialization="pickle")
        self._stream = handle.options(method_name="stream", stream=True, request_serialization="pickle")

    async def predict(self, ask: Ask) -> Prediction:
        """Answer as `Engine.predict` does. A prediction changes nothing, so it is asked again if a replica dies."""
        clock = asyncio.get_running_loop().time
        deadline = clock() + ask.within_s
        async with answer_by(deadline + GRACE_S):
            try:
                return await self._ask(ask)
            except _ReplicaGone as error:
                log.warning("%s: asked again, since %s", ask.model, error)
            left = deadline - clock()
            if left <= 0:
                raise DeadlineExceeded("the deadline passed before the request could be asked again")
            try:
                return await self._ask(ask._replace(within_s=left))
            except _ReplicaGone as error:
                raise ModelNotReady(f"model {ask.model} lost two replicas with this request; try again") from error

    async def stream(self, ask: Ask) -> AsyncGenerator[Prediction, None]:
        """Answer as `Engine.stream` does. It is asked again only if nothing has come yet."""
        clock = asyncio.get_running_loop().time
        deadline, has_begun = clock() + ask.within_s, False
        for is_last in (False, True):
            response = self._stream.remote(ask._replace(within_s=deadline - clock()))
            try:
                while True:
                    async with answer_by(deadline + GRACE_S):
                        with _told_plainly(ask.model):
                            piece = await anext(response, None)
                    if piece is None:
                        return
                    yield _unless_error(piece)
                    has_begun = True
            except _ReplicaGone as error:
                if has_begun or is_last:
                    raise ModelNotReady(f"model {ask.model} lost the replica that was answering; try again") from error
            finally:
                response.cancel()  # which does nothing once it has ended

    async def _ask(self, ask: Ask) -> Prediction:
        response = self._predict.remote(ask)
        try:
            with _told_plainly(ask.model):
                return _unless_error(await response)
        except asyncio.CancelledError:
            response.cancel()  # or the replica goes on for nobody
            raise


async def away(app: str) -> Away:
    """Return whom to ask of an application. Raises ModelNotReady if there is none."""
    try:
        return Away(await beside(serve.get_deployment_handle, ANSWER, app))
    except (KeyError, RayServeException) as error:
        raise ModelNotReady(f"{app} is not deployed: {error}") from error


class _ReplicaGone(Exception):
    """The replica that had a request is not there any more."""


@contextmanager
def _told_plainly(model: str) -> Iterator[None]:
    """Raise what the API knows instead of what Ray and gRPC raise."""
    try:
        yield
    except GONE as error:
        raise _ReplicaGone(f"a replica of it is gone ({type(error).__name__})") from error
    except BackPressureError:
        raise Overloaded(f"too many requests wait for model {model}", RETRY_AFTER_S) from None
    except grpc.aio.AioRpcError as error:
        if error.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED):
            raise _ReplicaGone(f"its connection is gone ({error.code().name})") from error
        if error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED:
            raise PayloadTooLarge(f"what is asked of model {model} is too large to send to it") from error
        raise RuntimeError(f"a replica of {model} cannot be asked: {error.details()}") from error
    except (RayError, RayServeException) as error:
        raise RuntimeError(f"a replica of {model} failed: {error}") from error


def _unless_error(answer: Prediction | ServiceError) -> Prediction:
    """Return an answer. Raises the error that came in its place: raised over there, it would arrive as another."""
    if isinstance(answer, ServiceError):
        raise answer
    return answer
