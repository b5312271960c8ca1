"""The application without a face: every use case, one room a subject.

``bootstrap`` puts services together for every process, ``reload`` does so again when settings change, and
``worker.container`` adds what only a worker has. What a face may call is what these two hand out.
"""
