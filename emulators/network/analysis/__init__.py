"""What is known of a graph before it runs: intervals, memory, fusion."""
