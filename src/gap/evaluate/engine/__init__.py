"""Forward passes of a model, made faster; knows no task and no encoding."""
