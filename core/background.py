"""How does work that runs beside the main flow end?"""

from __future__ import annotations

import asyncio

import structlog

log = structlog.get_logger(__name__)

PATIENCE_S = 1.0


async def end(*tasks: asyncio.Task[None], patience_s: float = PATIENCE_S) -> None:
    """Cancel tasks until each of them has ended; what one raised is logged.

    Once is not always enough: ``asyncio.wait_for`` of Python 3.11, on which Redis' client rests, drops a cancellation
    that arrives together with the result, and a loop around it would go on for ever.

    Args:
        patience_s: Between two cancellations; longer than what the tasks clean up when they are cancelled.
    """
    while running := [task for task in tasks if not task.done()]:
        for task in running:
            task.cancel()
        await asyncio.wait(running, timeout=patience_s)
    for task in tasks:
        if not task.cancelled() and (error := task.exception()):
            log.warning("background_task_failed", exc_info=error)
