"""What people thought of the answers: ratings, corrections, comparisons, and the preference pairs they give."""
