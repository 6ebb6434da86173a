"""What a benchmark's folder holds: records of cells, leases on them, and how far it has come."""
