"""The history: values, expectations and findings of every judged step, in Parquet files."""
