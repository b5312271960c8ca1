"""A question's life: asked, answered in a run of its own, stored, found again in its conversation.

The graph does the thinking; here its events are kept, folded into one answer and written once. Others call
``AnsweringService`` (which gives an ``AnswerRun``), ``ChatService`` and ``StarterService``.
"""
