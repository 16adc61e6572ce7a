"""The review: a queue of presses for each person, what people say of them, questions to the ones who were there."""
