"""What calibration saw, in logs and exact sums, and which range eight bits are spent on."""
