"""Text that is written, beside others who write it: the same prompts, the same cores, over the OpenAI wire."""
