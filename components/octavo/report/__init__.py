"""The step that puts accuracy, speed, size and what stayed FP32 on one page."""
