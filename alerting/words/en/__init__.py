"""What messages say in English."""
