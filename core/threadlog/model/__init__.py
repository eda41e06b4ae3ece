"""What a thread is: events, items, threads and ids. Pure data, no I/O."""
