"""The forms of a model that writes text, as a table."""

from collections.abc import Mapping

from training.card.markdown import table
from training.measures.forms import AT_ONCE, Form

HEADING = "Its forms beside each other"
ABOUT = (
    "Perplexity is of held-out news, less is better. Agreement is the share of places in it at which a form finds the "
    "same token likeliest as fp32. Same tokens are the share of what fp32 writes greedily after the prompts, up to the "
    "first difference. Tokens a second are those of all rows together, on the machine that built this, whatever else "
    "it did."
)


def forms_table(forms: Mapping[str, Form], main: str) -> str:
    """Markdown: each form, compared with the one that is called `main`."""
    heads = ("form", "perplexity", "agreement", "same tokens", *(f"tokens/s, {rows} at once" for rows in AT_ONCE), "MB")
    rows = [
        (
            name,
            f"{form.read.perplexity:.2f}",
            f"{form.read.agreement(forms[main].read):.3f}",
            f"{form.same_tokens(forms[main]):.3f}",
            *(f"{form.tokens_per_second[rows]:.0f}" for rows in AT_ONCE),
            f"{form.megabytes:.0f}",
        )
        for name, form in forms.items()
    ]
    return f"{table(heads, rows)}\n\n{ABOUT}"
