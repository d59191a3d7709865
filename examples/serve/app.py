"""The service: `PIPELINE=en_mine uvicorn --factory examples.serve.app:make_app`."""

import asyncio
import os
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

from fastapi import FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse

from .annotator import Annotator
from .batches import Batches, BusyError
from .limits import LimitedBody, Limits
from .schema import Answer, Document, Query


def make_app(pipeline: str | None = None, limits: Limits | None = None) -> FastAPI:
    """Make the service.

    pipeline (str | None): The name of a pipeline's package, or a path. By default what
        the environment variable PIPELINE says.
    limits (Limits | None): What is refused. By default what the environment says.
    RETURNS (FastAPI): The service. It loads the pipeline when it starts, and takes
        requests from then on.
    RAISES (ValueError): If no pipeline is given.
    """
    pipeline = pipeline or os.environ.get("PIPELINE")
    if not pipeline:
        raise ValueError(
            "Set the environment variable PIPELINE to the name of a pipeline's package "
            "or to its path."
        )
    name, limits = pipeline, limits or Limits.from_environment()

    @asynccontextmanager
    async def run(app: FastAPI) -> AsyncIterator[None]:
        # The pipeline lives in one thread, which leaves the others to the web. More
        # processes use more cores.
        with ThreadPoolExecutor(1) as thread:
            loop = asyncio.get_running_loop()
            annotator = await loop.run_in_executor(thread, Annotator.load, name)
            batches = Batches[Document](
                thread,
                annotator,
                batch_characters=limits.max_characters,
                waiting_characters=limits.max_waiting_characters,
            )
            app.state.batches = batches
            app.state.worker = asyncio.create_task(batches.work())
            yield
            app.state.worker.cancel()

    app = FastAPI(title=f"Entities by {name}", lifespan=run)
    app.add_middleware(LimitedBody, max_bytes=limits.max_bytes)

    @app.post("/entities")
    async def find_entities(query: Query) -> Answer:
        """Find the entities of one text or several."""
        texts = query.as_list()
        limits.check(texts)
        try:
            return Answer(documents=await app.state.batches.ask(texts))
        except BusyError as error:
            raise HTTPException(
                503,
                "Too many requests are waiting. Try again later.",
                headers={"Retry-After": "1"},
            ) from error

    @app.get("/health")
    async def health() -> dict[str, str]:
        """Say that requests are answered."""
        if app.state.worker.done():
            raise HTTPException(503, "The service has stopped. Start it again.")
        return {"status": "ok", "pipeline": name}

    @app.exception_handler(RequestValidationError)
    async def say_what_is_wrong(
        request: Request, error: RequestValidationError
    ) -> JSONResponse:
        # FastAPI's own answer repeats the input, whatever its size.
        first = error.errors()[:3]
        wrong = [f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in first]
        return JSONResponse({"detail": "; ".join(wrong)}, status_code=422)

    return app
