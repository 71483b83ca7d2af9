"""Text that is written token by token: prompts, choices, templates. Knows neither graphs nor who asks."""
