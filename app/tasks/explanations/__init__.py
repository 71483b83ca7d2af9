"""Why models answer as they do: a view for each kind of model that can be asked."""
