"""Run Tasks from SQS in Lambda, and send their results to the next Task."""
