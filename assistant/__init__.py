"""What answers: assistants, models, engine, retrieval, prompts, conversations, and the database under all of it."""
