"""What messages say in Japanese."""
