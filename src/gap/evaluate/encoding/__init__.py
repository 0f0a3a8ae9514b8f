"""Items as token ids, and batches whose composition depends on their content alone; knows no model."""
