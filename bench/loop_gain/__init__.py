"""Whether feedback makes the assistant better: simulated people, real runs, and what is said before and after."""
