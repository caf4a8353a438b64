"""Medical tasks with gold annotations, and the demonstration that uses them."""
