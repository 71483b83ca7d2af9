"""Models that answer in other processes, on this machine or on others, by Ray Serve.

    front (uvicorn)  ──asks──▶  replicas of a version (a LocalEngine each)
         │                          │
         └─────follows──▶ keeper ◀──┘ tell what they are

Fronts and replicas are as many as are needed; of the keeper there is one. It is no part of an answer's way.
"""
