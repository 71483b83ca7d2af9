"""HTTP, whatever is asked: connections, headers, bodies on their way, who may call, routes."""
