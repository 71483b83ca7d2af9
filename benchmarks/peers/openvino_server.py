"""OpenVINO GenAI's ContinuousBatchingPipeline: a step for all answers, which join and leave between steps."""

import queue
from itertools import count

import numpy as np
import openvino as ov
import openvino_genai as genai
from writing_server import GGUF, ROWS, serve


def write(jobs):
    scheduler = genai.SchedulerConfig()
    scheduler.max_num_seqs = ROWS
    scheduler.cache_size = 2
    scheduler.enable_prefix_caching = True
    pipeline = genai.ContinuousBatchingPipeline(str(GGUF), scheduler, "CPU")
    running, ids = [], count()
    while True:
        try:
            while True:
                job = jobs.get(block=not running)
                settings = genai.GenerationConfig()
                settings.max_new_tokens, settings.ignore_eos, settings.do_sample = job.answer, True, False
                prompt = ov.Tensor(np.array([job.ids], np.int64))
                running.append((job, pipeline.add_request(next(ids), prompt, settings)))
        except queue.Empty:
            pass
        pipeline.step()
        for job, handle in running:
            if handle.can_read():
                for output in handle.read().values():
                    for token in output.generated_ids:
                        job.give(token)
            if job.is_gone and job.written < job.answer:
                handle.cancel()
        running = [(job, handle) for job, handle in running if not job.is_over]


if __name__ == "__main__":
    serve(write)
