"""What a benchmark will compute, as data: spec -> settings, conditions, cells."""
