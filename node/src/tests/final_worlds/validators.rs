//! What validators do: together, and when some are gone, lie, or run twice.
